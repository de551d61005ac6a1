import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { temporary } from '../../helpers/folders.js'

const CHILD = new URL('../../helpers/suspended-child.js', import.meta.url).pathname

/** Whether this machine lets us play two containers. */
const canPlay = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0

const contained = (...parts: string[]) =>
  spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, CHILD, ...parts], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })

const lineOf = async (child: ReturnType<typeof contained>) =>
  `${(await once(child.stdout!, 'data'))[0]}`.trim()

const play = canPlay ? test : test.skip

/** What two do one after the other, and which files there are then. */
const DONE: Record<string, string[]> = {
  transaction: ['a', 'b'],
  part: ['a'],
  transfer: ['a', 'b'],
}

for (const [what, files] of Object.entries(DONE))
  play(
    `in two containers: who is stopped for longer than the lease, and goes on, writes nothing: ${what}`,
    async (t) => {
      t.timeout(120_000)
      const dir = await temporary(t)
      if (what === 'transaction') for (const name of files) await writeFile(join(dir, name), 'old')
      const first = contained('first', what, dir)
      t.is(await lineOf(first), 'in the middle')
      // the process itself, by its number here: the one that unshare started
      const { stdout } = spawnSync('pgrep', ['-P', String(first.pid)], { encoding: 'utf8' })
      const pid = Number(stdout)
      process.kill(pid, 'SIGSTOP')
      const second = contained('second', what, dir)
      t.is(await lineOf(second), 'done')
      process.kill(pid, 'SIGCONT')
      const last = lineOf(first)
      first.stdin!.write('go on\n')
      t.is(await last, 'ERR_LOCK_LOST')
      const content = Buffer.alloc(4 * 1024 * 1024, 'second')
      for (const name of files) t.true((await readFile(join(dir, name))).equals(content))
      t.deepEqual((await readdir(dir)).sort(), files)
    },
  )
