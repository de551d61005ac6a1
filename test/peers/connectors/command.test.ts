import { fileURLToPath } from 'node:url'
import { command } from '../../../lib/peers/connectors/command.js'
import { tcp } from '../../../lib/peers/connectors/tcp.js'
import { connectorConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

const CHILD = fileURLToPath(new URL('../../helpers/stdio-child.js', import.meta.url))

/** Through a process whose standard input and output lead to a TCP port. */
conforms(
  'command and stdio',
  connectorConformance(() => ({
    connector: {
      takes: () => true,
      connect: (address, options) => command([process.execPath, CHILD, address]).connect(address, options),
    },
    address: '127.0.0.1:0',
    listen: tcp().listen!,
  })),
)
