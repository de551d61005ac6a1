import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'

const run = promisify(execFile)

/** One of two machines, as far as the network knows. */
export interface Machine {
  /** The words before a command that is to run there. */
  through: string[]
  /** Runs `ip` there. */
  ip(...args: string[]): Promise<string>
  /** The name of its one interface. */
  link: string
}

let made = 0

/**
 * Two network namespaces with a cable between them, each with these addresses (`ADDRESS/BITS`), removed when the test
 * ends; or why they cannot be had.
 */
export async function twoMachines(
  t: ExecutionContext<unknown>,
  addresses: readonly (readonly string[])[],
): Promise<[Machine, Machine] | string> {
  if (process.platform !== 'linux') return 'network namespaces are of Linux'
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  await removeLeft()
  const id = `${process.pid}-${made++}`
  const machines = ['a', 'b'].map((side): Machine => {
    const name = `sluice-${id}${side}`
    const ip = async (...args: string[]) => (await run('ip', ['-n', name, ...args])).stdout
    return { through: ['ip', 'netns', 'exec', name], ip, link: `v${id}${side}` }
  })
  const [near, far] = machines as [Machine, Machine]
  // its cable goes with it
  t.teardown(() =>
    Promise.allSettled(machines.map(({ through }) => run('ip', ['netns', 'del', through[3]!]))),
  )
  try {
    for (const { through } of machines) await run('ip', ['netns', 'add', through[3]!])
    const ends = [
      near.link,
      'netns',
      near.through[3]!,
      'type',
      'veth',
      'peer',
      far.link,
      'netns',
      far.through[3]!,
    ]
    await run('ip', ['link', 'add', ...ends])
    for (const [at, { ip, link }] of machines.entries()) {
      await ip('link', 'set', 'lo', 'up')
      for (const address of addresses[at]!) {
        const quick = address.includes(':') ? ['nodad'] : []
        await ip('addr', 'add', address, 'dev', link, ...quick)
      }
      await ip('link', 'set', link, 'up')
    }
    // programs see an interface only once the cable is known to be in
    for (const { ip, link } of machines)
      while (!(await ip('link', 'show', link)).includes('state UP')) await setTimeout(50)
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    return `no network namespaces can be made here: ${(stderr || message).trim()}`
  }
  return [near, far]
}

/** Removes what a process that was killed has left. */
async function removeLeft(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']).catch(() => ({ stdout: '' }))
  for (const [name, pid] of stdout.matchAll(/^sluice-(\d+)-\w+/gm)) {
    try {
      process.kill(Number(pid), 0)
    } catch {
      await run('ip', ['netns', 'del', name]).catch(() => {})
    }
  }
}
