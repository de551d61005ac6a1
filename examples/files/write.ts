#!/usr/bin/env node
// Files that are whole or not there:  node dist/examples/files/write.js DIR
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { checkFile, createAtomicWriteStream, writeJson } from 'sluice/files'

const dir = process.argv[2]
if (dir === undefined) {
  console.error('usage: write DIR')
  process.exit(2)
}

// A value, checked before anything is written; the two earlier contents are kept beside the file.
const settings = join(dir, 'settings.json')
const schema = { type: 'object', required: ['port'], properties: { port: { type: 'integer' } } }
const { bytes } = await writeJson(settings, { port: 8080 }, { schema, backup: 2 })
console.log(`${bytes} bytes of settings`)

try {
  await writeJson(settings, { port: 'eighty' }, { schema, backup: 2 })
} catch (error) {
  // ERR_SCHEMA; the file is what it was
  console.log((error as Error & { code: string }).code)
}

// A stream: `settings.json.gz` stands once the pipeline has ended, and never half of it.
const target = createAtomicWriteStream(`${settings}.gz`, { verify: true })
await pipeline(createReadStream(settings), createGzip(), target)
const written = await target.result
console.log(`${written.bytes} bytes compressed`)

const { ok, failed } = await checkFile(written.path, {
  digest: { algorithm: 'sha256', hex: Buffer.from(written.digest).toString('hex') },
})
console.log(ok ? 'as written' : failed)
