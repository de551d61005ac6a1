#!/usr/bin/env node
// What was done, taken down:  node dist/examples/files/audit.js DIR
import { join } from 'node:path'
import { AuditTrail, fileOperations, setDefaultAudit, writeFileAtomic } from 'sluice/files'

const dir = process.argv[2]
if (dir === undefined) {
  console.error('usage: audit DIR')
  process.exit(2)
}

// Any number of processes may append to one trail; at 1 MiB it is rotated, and three rotated files are kept.
await using trail = await AuditTrail.open(join(dir, 'audit.jsonl'), { maxBytes: 1 << 20, keep: 3 })

// All operations, bound to this trail: each call leaves one record, with its duration and, if it failed, its code.
const files = fileOperations({ audit: trail, durability: 'crash' })
const log = join(dir, 'app.log')
await files.writeFileAtomic(log, 'started\n')
await files.rotateFile(log, { keep: 7, compress: true })
await files.readFileRetry(log).catch(() => {}) // it is app.log.1.gz now: ERR_NO_SUCH_FILE

// Under one name and one id in the trail.
await files.batch('deploy', async (inBatch) => {
  await inBatch.writeJson(join(dir, 'a.json'), { on: true })
  await inBatch.mergeConfig([join(dir, 'a.json'), join(dir, 'local.yaml')], join(dir, 'all.json'), {
    optional: true,
  })
})

// The default trail, for what is called as it is.
setDefaultAudit(trail)
await writeFileAtomic(join(dir, 'b.txt'), 'b')

console.log(await trail.table())
