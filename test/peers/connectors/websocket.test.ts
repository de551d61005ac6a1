import { websocket } from '../../../lib/peers/connectors/websocket.js'
import { connectorConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

conforms(
  'websocket',
  connectorConformance(() => ({ connector: websocket(), address: 'ws://127.0.0.1:0/here' })),
)
