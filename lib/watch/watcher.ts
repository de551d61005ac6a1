import { basename, dirname } from 'node:path'
import { coalesce } from '../async.js'
import { printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'

/** What a watcher tells. */
export interface WatcherEvents {
  /** Something was made or written at a path of this disk. */
  changed(path: string): void
  /** Changes may have gone unnoticed until now: everything is to be looked at. */
  missed(): void
  /** Changes may go unnoticed from now on: `ERR_LIMIT`, `ERR_SOURCE_READ`. */
  failed(error: SluiceError): void
}

/** What is watched. */
export interface Watched {
  /** Folders, with all that is in them, and what takes their place. */
  folders: readonly string[]
  /** Files, and what takes their place. */
  files: readonly string[]
  /** Whether nothing at a path, or below it, is of interest. */
  isIgnored(path: string, isFolder: boolean): boolean
}

/** Watches files and folders; resolves when it does, with what ends it. */
export type Watcher = (watched: Watched, events: WatcherEvents) => Promise<() => Promise<void>>

/**
 * The watcher of this disk. Links in folders are not followed. A folder that is removed and made again within a moment
 * is to the system another one, of which it tells nothing: where a folder goes, all are watched anew.
 */
export const diskWatcher: Watcher = async (watched, events) => {
  let isClosed = false
  let close = async () => {}
  const open = async () => {
    await close()
    if (isClosed) return
    close = await watchOnce(watched, events, gone)
    // it may have been closed meanwhile
    if (isClosed) await close()
  }
  const renew = coalesce(async () => {
    await open()
    if (!isClosed) events.missed()
  })
  const gone = () => void renew().catch((error: unknown) => events.failed(watchError(error)))
  await open()
  return async () => {
    isClosed = true
    await close()
  }
}

/**
 * Watches until it is closed.
 * @param gone called when a folder that was watched is not there any more
 */
async function watchOnce(
  { folders, files, isIgnored }: Watched,
  { changed, missed, failed }: WatcherEvents,
  gone: () => void,
): Promise<() => Promise<void>> {
  // only where something is watched: it is no part of sending
  const { watch } = await import('chokidar')
  // what is put in the place of a file or folder is seen only from above
  const above = new Set([...folders, ...files].map((path) => dirname(path)))
  const watchedFiles = new Set(files)
  const isInFolders = (path: string) =>
    folders.some((folder) => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`))
  const watcher = watch([...folders, ...above], {
    ignored: (native, stats) => {
      const path = slashed(native)
      if (above.has(path) || watchedFiles.has(path)) return false
      return !isInFolders(path) || isIgnored(path, stats?.isDirectory() === true)
    },
    followSymlinks: false,
    ignorePermissionErrors: true,
    atomic: false,
  })
  let isReady = false
  const tell = (native: string) => {
    const path = slashed(native)
    if (isReady && (watchedFiles.has(path) || isInFolders(path))) changed(path)
  }
  const known = new Set<string>()
  watcher.on('add', tell).on('change', tell).on('addDir', tell)
  watcher.on('addDir', (folder) => {
    known.add(folder)
    // what was put into it before it was watched
    if (isReady && isInFolders(slashed(folder))) missed()
  })
  watcher.on('unlinkDir', (folder) => {
    // the folder itself tells nothing as long as somebody has it open
    if (known.delete(folder) && isInFolders(slashed(folder))) missed()
  })
  watcher.on('raw', (event, name, details) => {
    const { watchedPath = '' } = details as { watchedPath?: string }
    // of itself a folder tells only that it was removed or moved
    if (event === 'rename' && name === basename(watchedPath) && known.delete(watchedPath)) gone()
  })
  watcher.on('error', (error) => failed(watchError(error)))
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  isReady = true
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
