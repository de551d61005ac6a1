import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A folder for the data of some runs. */
export interface Place {
  folder: string
  /** Removes it, and all that is in it. */
  close(): Promise<void>
}

export function plainFolder(dir: string): Place {
  const folder = mkdtempSync(join(dir, 'sluice-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  return {
    folder,
    close: async () => {
      process.off('exit', remove)
      remove()
    },
  }
}

const SIZE = 8 * 2 ** 30

/**
 * Room for two million files, and all tables written now: otherwise the kernel writes them while the first runs are
 * measured.
 */
const MKFS = ['-q', '-F', '-i', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0']

/** Waits for the end of its input, then cleans up. A file system that is still in use goes when it no longer is. */
const KEEPER = 'cat > /dev/null; umount "$0" 2> /dev/null || umount -l "$0"; rm -f "$1"; rmdir "$0"'

/**
 * A new ext4 in a sparse file below `dir`, mounted. It is unmounted and removed by a process of its own, as soon as
 * `close` is called or this process ends, however it ends.
 * @throws Error with one line that says why it cannot be had: it takes root and Linux
 */
export async function freshDisk(dir: string): Promise<Place> {
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
    run('mkfs.ext4', [...MKFS, image])
    run('mount', ['-o', 'loop', image, folder])
    // the mount keeps it until it ends
    rmSync(image)
  } catch (error) {
    await close()
    throw error
  }
  return { folder, close }
}

function run(command: string, args: string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim().split('\n')[0]}`)
}
