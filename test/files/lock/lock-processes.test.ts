import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { FolderLock } from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'
import { scale } from '../../helpers/scale.js'

const CHILD = fileURLToPath(new URL('../../helpers/lock-child.js', import.meta.url))
const PROCESSES = scale(8, 32)

function child(t: ExecutionContext<unknown>, ...args: (string | number)[]): ChildProcess {
  const process = fork(CHILD, args.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => process.kill('SIGKILL'))
  return process
}

/**
 * What the log says of overlaps. A process that was killed says no more: what it held ends with the next that enters.
 */
function overlaps(lines: string[]): string[] {
  const wrong: string[] = []
  const inside = new Map<string, string>()
  const last = new Map<string, number>()
  for (const [i, line] of lines.entries()) last.set(line.split(' ')[0]!, i)
  for (const [i, line] of lines.entries()) {
    const [pid, what, mode] = line.split(' ') as [string, string, string]
    if (what === 'leave') {
      if (!inside.delete(pid)) wrong.push(`${i}: ${line}, but it was not inside`)
      continue
    }
    for (const [other, its] of inside) {
      const dead = last.get(other)! < i
      if (dead && (mode === 'exclusive' || its === 'exclusive')) inside.delete(other)
      else if (mode === 'exclusive' || its === 'exclusive') wrong.push(`${i}: ${line} beside ${other} ${its}`)
    }
    inside.set(pid, mode)
  }
  return wrong
}

test('KNOWN-FAILURES 35: of many processes never two hold it exclusively, nor one beside a reader, though some are killed', async (t) => {
  t.timeout(scale(1, 10) * 60_000)
  const count = scale(25, 200)
  const dir = await temporary(t)
  const log = join(await temporary(t), 'log')
  await writeFile(log, '')
  const began = performance.now()
  const children = Array.from({ length: PROCESSES }, (_, i) => {
    // every fourth is killed while it holds the lock, and every eighth wherever it is
    const dieAt = i % 4 === 3 ? 1 + ((i * 7) % count) : 0
    const killAt = i % 8 === 5 ? 10 + ((i * 131) % (count * 6)) : 0
    return child(t, 'lock', dir, log, count, i, dieAt, killAt)
  })
  const ends = await Promise.all(children.map((process) => once(process, 'exit')))
  const took = performance.now() - began
  for (const [i, [status, signal]] of ends.entries()) {
    const killed = i % 4 === 3 || i % 8 === 5
    t.deepEqual([status, signal], killed ? [null, 'SIGKILL'] : [0, null])
  }
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  t.deepEqual(overlaps(lines), [])
  t.true(lines.length > PROCESSES * count)
  const waits = lines.filter((line) => line.includes('enter')).map((line) => Number(line.split(' ')[4]))
  t.log(`${waits.length} acquisitions in ${Math.round(took)} ms, the longest wait ${Math.max(...waits)} ms`)
  // what those left who were killed is taken away, a few entries at a time
  for (let n = 0; n < PROCESSES; n++) await (await FolderLock.acquire(dir, { timeout: 0 })).release()
  t.deepEqual(await readdir(dir), [])
})
