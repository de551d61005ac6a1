import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A folder for the data of some runs. */
export interface Place {
  folder: string
  /** All that the runs of a scene make may stay until its end. */
  roomy: boolean
  /** Removes it, and all that is in it. */
  close(): Promise<void>
}

export function plainFolder(dir: string): Place {
  const folder = mkdtempSync(join(dir, 'sluice-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  return {
    folder,
    roomy: false,
    close: async () => {
      process.off('exit', remove)
      remove()
    },
  }
}

/** It takes only the room that is written to. */
const SIZE = 24 * 2 ** 30

/** All tables are written now: otherwise the kernel writes them while the first runs are measured. */
const MKFS = ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0']

/** Waits for the end of its input, then cleans up. A file system that is still in use goes when it no longer is. */
const KEEPER = 'cat > /dev/null; umount "$0" 2> /dev/null || umount -l "$0"; rm -f "$1"; rmdir "$0"'

/**
 * A new ext4 in a sparse file below `dir`, mounted. It is unmounted and removed by a process of its own, as soon as
 * `close` is called or this process ends, however it ends.
 * @param files that it has room for
 * @throws Error with one line that says why it cannot be had: it takes root and Linux
 */
export async function freshDisk(dir: string, files = 2e6): Promise<Place> {
  const folder = mkdtempSync(join(dir, 'sluice-disk-'))
  const image = `${folder}.img`
  // in a session of its own, so that Ctrl-C does not reach it
  const keeper = spawn('sh', ['-c', KEEPER, folder, image], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const ended = once(keeper, 'exit') as Promise<[number | null]>
  const close = async () => {
    keeper.stdin.end()
    const [code] = await ended
    if (code !== 0) throw new Error(`the disk of the benchmark could not be removed: ${folder}`)
  }
  try {
    const fd = openSync(image, 'w')
    ftruncateSync(fd, SIZE)
    closeSync(fd)
    run('mkfs.ext4', [...MKFS, '-N', String(files), image])
    run('mount', ['-o', 'loop', image, folder])
    // the mount keeps it until it ends
    rmSync(image)
  } catch (error) {
    await close()
    throw error
  }
  return { folder, roomy: true, close }
}

function run(command: string, args: string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim().split('\n')[0]}`)
}
