import { dirname } from 'node:path'
import { printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'

/** What a watcher tells. */
export interface WatcherEvents {
  /** Something was made or written at a path of this disk. */
  changed(path: string): void
  /** Changes may go unnoticed from now on: `ERR_LIMIT`, `ERR_SOURCE_READ`. */
  failed(error: SluiceError): void
}

/** What is watched. */
export interface Watched {
  /** Folders, with all that is in them. */
  folders: readonly string[]
  /** Files, and what takes their place. */
  files: readonly string[]
  /** Whether nothing at a path, or below it, is of interest. */
  isIgnored(path: string, isFolder: boolean): boolean
}

/** Watches files and folders; resolves when it does, with what ends it. */
export type Watcher = (watched: Watched, events: WatcherEvents) => Promise<() => Promise<void>>

/** The watcher of this disk. Links in folders are not followed. */
export const diskWatcher: Watcher = async ({ folders, files, isIgnored }, { changed, failed }) => {
  // only where something is watched: it is no part of sending
  const { watch } = await import('chokidar')
  // a program may write beside a file and rename: who looks at the file alone sees the old one
  const beside = new Set(files.map((path) => dirname(path)))
  const watchedFiles = new Set(files)
  const isInFolders = (path: string) =>
    folders.some((folder) => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`))
  const watcher = watch([...folders, ...beside], {
    ignored: (native, stats) => {
      const path = slashed(native)
      if (beside.has(path) || watchedFiles.has(path)) return false
      return !isInFolders(path) || isIgnored(path, stats?.isDirectory() === true)
    },
    ignoreInitial: true,
    followSymlinks: false,
    ignorePermissionErrors: true,
    atomic: false,
  })
  const tell = (native: string) => {
    const path = slashed(native)
    if (watchedFiles.has(path) || isInFolders(path)) changed(path)
  }
  watcher.on('add', tell).on('change', tell).on('addDir', tell)
  watcher.on('error', (error) => failed(watchError(error)))
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return () => watcher.close()
}

/** Node takes a slash on every platform. */
function slashed(path: string): string {
  return process.platform === 'win32' ? path.replaceAll('\\', '/') : path
}

function watchError(cause: unknown): SluiceError {
  const { path } = cause as { path?: string }
  const where = path === undefined ? 'the files' : printable(path)
  if (errorCode(cause) === 'ENOSPC' || errorCode(cause) === 'EMFILE') {
    const message = `${where} cannot be watched: the system watches no more files for this user; raise fs.inotify.max_user_watches and max_user_instances, or leave folders out by exclude`
    return new SluiceError('ERR_LIMIT', message, { path, cause })
  }
  const message = `${where} cannot be watched (${printable(errorCode(cause) ?? String(cause), 200)}); check its owner and mode`
  return new SluiceError('ERR_SOURCE_READ', message, { path, cause })
}
