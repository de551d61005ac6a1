import { tcp } from '../../../lib/peers/connectors/tcp.js'
import { connectorConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

conforms(
  'tcp',
  connectorConformance(() => ({ connector: tcp(), address: '127.0.0.1:0' })),
)
