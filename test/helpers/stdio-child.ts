// Standard input and output of this process as one connection, passed on to a TCP port of whoever has started it.
import { connect } from 'node:net'
import { parseAddress } from '../../lib/peers/connectors/address.js'
import { stdio } from '../../lib/peers/connectors/stdio.js'
import { SOCKET } from '../../lib/peers/connectors/tcp.js'

const here = stdio()
const there = connect({ ...parseAddress(process.argv[2]!), ...SOCKET })
// who is refused has an exit status for that
there.on('error', () => process.exit(1))
here.on('error', () => process.exit(1))
here.pipe(there)
there.pipe(here)
// what is destroyed is over for the other side, too
there.on('close', () => (there.readableEnded && there.writableFinished) || process.exit(1))
here.on('close', () => (here.readableEnded && here.writableFinished) || there.destroy())
