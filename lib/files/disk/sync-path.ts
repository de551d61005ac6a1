import { type FileSystem, OPEN, openRegular, syncDirectory } from './fs.js'

/** Makes the names in the folder at `path` last; a link to a folder is followed. Errors are those of the system. */
export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const fd = await fs.open(path, OPEN.anyDirectory)
  try {
    await syncDirectory(fs, fd)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}

/** Makes the content of the regular file at `path` last, never through a link. Errors are those of the system. */
export async function syncFile(fs: FileSystem, path: string): Promise<void> {
  // Windows syncs only what is open for writing
  const { fd } = await openRegular(fs, path, fs.platform === 'win32' ? OPEN.update : OPEN.read)
  try {
    await fs.fsync(fd)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}
