#!/usr/bin/env node
// A test of one's own code: what does a power cut leave of it?  node dist/examples/files/power-cut.js
import assert from 'node:assert/strict'
import { type FileSystem, nodeFileSystem, writeFileAtomic } from 'sluice/files'
import { MemoryDisk } from 'sluice/testing'

// What is tested: it takes the file system as a parameter, with the real one as the default.
async function rename(user: string, fs: FileSystem = nodeFileSystem): Promise<void> {
  await writeFileAtomic('/data/user.txt', user, { fs })
  await writeFileAtomic('/data/greeting.txt', `hello ${user}`, { fs })
}

const disk = new MemoryDisk({ crashes: true })
disk.put('/data/user.txt', 'ann')
disk.put('/data/greeting.txt', 'hello ann')
disk.syncAll()

// The power is cut before every call of the disk. Which unsynced writes and names are found then is a choice of the
// disk: each seed is one.
const found = new Map<string, number>()
disk.hook = () => {
  for (let seed = 0; seed < 20; seed++) {
    const files = disk.crash(seed).snapshot()
    const state = `${files.get('/data/user.txt')} | ${files.get('/data/greeting.txt')}`
    found.set(state, (found.get(state) ?? 0) + 1)
  }
}
await rename('bob', disk)

// Each file is old or new, never torn; but they are two files, and "bob | hello ann" is found as well.
// Where that must not be, it takes a FileTransaction.
console.log(Object.fromEntries(found))
assert.deepEqual([...found.keys()].sort(), ['ann | hello ann', 'bob | hello ann', 'bob | hello bob'])

// And a disk that is full: the error has a code, and nothing has changed.
disk.hook = undefined
disk.fail({ call: 'write', error: 'ENOSPC' })
await assert.rejects(rename('cleo', disk), { code: 'ERR_DISK_FULL' })
assert.equal(disk.snapshot().get('/data/user.txt')?.toString(), 'bob')
