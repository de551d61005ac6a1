import { type FileSystem, OPEN, syncDirectory } from './fs.js'

/** Makes the names in the folder at `path` last; a link to a folder is followed. Errors are those of the system. */
export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const fd = await fs.open(path, OPEN.anyDirectory)
  try {
    await syncDirectory(fs, fd)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}
