#!/usr/bin/env node
// One file that many processes change; run several at once:  node dist/examples/files/update.js DIR
import { join } from 'node:path'
import { FolderLock, readFileRetry, updateJson, writeFileAtomic } from 'sluice/files'

const dir = process.argv[2]
if (dir === undefined) {
  console.error('usage: update DIR')
  process.exit(2)
}

// Reads, changes and writes under a lock of the file: no change of another process is lost.
const counter = join(dir, 'counter.json')
const { value } = await updateJson<{ runs: number }>(counter, (now = { runs: 0 }) => ({ runs: now.runs + 1 }))
console.log(`run ${value?.runs}`)

// What is more than one file needs a lock of its own. It is given back at the end of the block, whatever happens;
// that of a process which died is taken over.
{
  await using lock = await FolderLock.acquire(dir, { name: 'report', timeout: 30_000 })
  const { runs } = JSON.parse(await readFileRetry(counter, { encoding: 'utf8' }))
  await lock.check() // still ours, right before the step that it protects
  await writeFileAtomic(join(dir, 'report.txt'), `${runs} runs\n`)
}
