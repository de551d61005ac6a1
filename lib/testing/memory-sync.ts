import type { FileSystem, SyncCalls } from '../files/disk/fs.js'

/** The synchronous calls of a disk, each of which `atOnce` makes by the asynchronous one. */
export function syncCallsOf(disk: FileSystem, atOnce: <T>(act: () => Promise<T>) => T): SyncCalls {
  return {
    open: (path, flags, mode) => atOnce(() => disk.open(path, flags, mode)),
    close: (fd) => atOnce(() => disk.close(fd)),
    read: (fd, buffer, offset, length, position) =>
      atOnce(() => disk.read(fd, buffer, offset, length, position)),
    write: (fd, buffers, position) => atOnce(() => disk.write(fd, buffers, position)),
    fstat: (fd) => atOnce(() => disk.fstat(fd)),
    fsync: (fd) => atOnce(() => disk.fsync(fd)),
    fchmod: (fd, mode) => atOnce(() => disk.fchmod(fd, mode)),
    futimes: (fd, atime, mtime) => atOnce(() => disk.futimes(fd, atime, mtime)),
    lstat: (path) => atOnce(() => disk.lstat(path)),
    mkdir: (path, mode) => atOnce(() => disk.mkdir(path, mode)),
    link: (from, to) => atOnce(() => disk.link(from, to)),
    rename: (from, to) => atOnce(() => disk.rename(from, to)),
    unlink: (path) => atOnce(() => disk.unlink(path)),
  }
}
