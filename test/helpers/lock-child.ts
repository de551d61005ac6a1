// A process that takes one lock, or updates one file, many times:
//   lock-child lock DIR LOG COUNT SEED DIE_AT KILL_AT
// (it is killed when it has taken the lock DIE_AT times, and holds it, or when it makes that call of the file system)
//   lock-child update FILE LOG COUNT
import { appendFileSync } from 'node:fs'
import { FolderLock, nodeFileSystem, updateJson } from '../../lib/files/index.js'
import { randomBySeed } from '../../lib/testing/splits.js'
import { killedFileSystem } from './killed-fs.js'

const [role, dir, log, count, seed, dieAt, killAt] = process.argv.slice(2)
const random = randomBySeed(Number(seed))
const fs = killedFileSystem(nodeFileSystem, Number(killAt))

/** One line, whole: opened for appending, written by one call. */
function note(text: string): void {
  appendFileSync(log!, `${process.pid} ${text}\n`)
}

async function lock(): Promise<void> {
  for (let n = 1; n <= Number(count); n++) {
    const mode = random() < 0.5 ? 'exclusive' : 'shared'
    const began = performance.now()
    const held = await FolderLock.acquire(dir!, { mode, fs, timeout: 120_000 })
    note(`enter ${mode} ${n} ${Math.round(performance.now() - began)}`)
    // other readers get a chance to be beside it, and writers to break in
    for (let turns = Math.floor(random() * 3); turns > 0; turns--) await new Promise(setImmediate)
    await held.check()
    if (n === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
    note(`leave ${mode} ${n}`)
    await held.release()
  }
}

async function update(): Promise<void> {
  for (let n = 1; n <= Number(count); n++) {
    const change = ({ counted }: { counted: number } = { counted: 0 }) => ({ counted: counted + 1 })
    await updateJson(dir!, change, { timeout: 120_000 })
  }
}

await (role === 'lock' ? lock() : update())
process.disconnect?.()
