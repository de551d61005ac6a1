import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

/** A temporary folder that is removed when the test ends. */
export async function temporary(t: ExecutionContext<unknown>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Writes a tree: text or bytes are files, `null` is an empty folder. Times are set to whole seconds of the past. */
export async function plant(root: string, tree: Record<string, string | Buffer | null>): Promise<string> {
  for (const [path, content] of Object.entries(tree)) {
    const full = join(root, path)
    await mkdir(content === null ? full : dirname(full), { recursive: true })
    if (content === null) continue
    await writeFile(full, content)
    await utimes(full, 1_600_000_000, 1_600_000_000 + content.length)
  }
  return root
}

/** What stands under a folder: per path its kind, mode, and for files size, time and digest. */
export async function listing(root: string, { times = true } = {}): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const walk = async (path: string): Promise<void> => {
    const full = join(root, path)
    const stats = await lstat(full)
    const mode = (stats.mode & 0o777).toString(8)
    if (stats.isSymbolicLink()) found[path] = `link ${await readlink(full)}`
    else if (stats.isDirectory()) {
      if (path !== '') found[path] = `folder ${mode}`
      for (const name of await readdir(full)) await walk(path === '' ? name : `${path}/${name}`)
    } else {
      const digest = createHash('sha256')
        .update(await readFile(full))
        .digest('hex')
      found[path] =
        `file ${mode} ${stats.size} ${times ? Math.floor(stats.mtimeMs) : ''} ${digest.slice(0, 16)}`
    }
  }
  await walk('')
  return found
}

/** The files below a folder, as paths with `/` relative to it. */
export async function filesBelow(root: URL): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const top = fileURLToPath(root)
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(top, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
}
