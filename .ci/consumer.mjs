// What a user of the installed package writes: the two pipelines, over a real socket, into a folder of their own.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOf,
  partSink,
} from 'sluice'
import * as files from 'sluice/files'
import * as testing from 'sluice/testing'

const dir = 'received'
const last = finalizer({ conflict: 'rename' })
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('no address')

const received = once(server, 'connection').then(([socket]) =>
  pipeline(socket, deframer(), demuxer(), hashTap(), partSink({ dir }), last),
)
const manifest = await manifestOf(['package.json'])
await pipeline(fileSource(manifest), hashTap(), framer(), connect(address.port, address.address))
await received
server.close()

const outcomes = await last.outcomes
const same = (await readFile('package.json')).equals(await readFile(`${dir}/package.json`))
if (!same || outcomes.length !== 1) throw new Error(`package.json did not arrive: ${JSON.stringify(outcomes)}`)
for (const [name, module] of Object.entries({ 'sluice/files': files, 'sluice/testing': testing })) {
  if (Object.keys(module).length === 0) throw new Error(`${name} exports nothing`)
}
console.log('sluice, sluice/files, sluice/testing: imported, and a file arrived through the pipeline')
