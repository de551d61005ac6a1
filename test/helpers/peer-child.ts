// Receives a transfer over standard input and output: peer-child.js DIR.
import { receive } from '../../lib/index.js'
import { stdio } from '../../lib/peers/connectors/stdio.js'

const { files } = await receive(stdio(), { dir: process.argv[2]!, accept: 'all' }).finished
console.error(`received ${files.length}`)
