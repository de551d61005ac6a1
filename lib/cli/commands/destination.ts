import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../../files/disk/disk-error.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { leadsToNothing, linkToNothing } from '../../files/tree/make-folders.js'
import { Tree } from '../../files/tree/tree.js'
import { checkLocalPath } from '../../options.js'

/**
 * Checks `--dir` of a receiver now, and not only with the first transfer: it is a folder that can be
 * opened, or is missing and can be made as far as the links on the way tell. Else `ERR_USAGE`, or what the disk says.
 */
export async function checkDestination(dir: unknown): Promise<void> {
  checkLocalPath('--dir', dir)
  const there = await commandFileSystem.stat(dir).then(
    (stats) => (stats.isDirectory() ? 'folder' : 'file'),
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return 'nothing'
      if (errorCode(error) === 'ENOTDIR') return 'file'
      throw diskError(error, 'receive into', dir)
    },
  )
  if (there === 'folder') return (await Tree.open(dir, { fs: commandFileSystem })).close()
  if (there === 'nothing') {
    const link = await linkToNothing(commandFileSystem, dir)
    if (link === undefined) return
    throw leadsToNothing(link, 'ERR_USAGE')
  }
  const message = `--dir must be a folder, and ${printable(dir)} is a file, or below one; name another one`
  throw new SluiceError('ERR_USAGE', message, { path: dir })
}
