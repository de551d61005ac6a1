import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../../files/disk/disk-error.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { checkLocalPath } from '../../options.js'

/**
 * Checks `--dir` of a receiver now, and not only with the first transfer: it is a folder, or is missing and will be made.
 * Else `ERR_USAGE`, or what the disk says.
 */
export async function checkDestination(dir: unknown): Promise<void> {
  checkLocalPath('--dir', dir)
  const isFolder = await commandFileSystem.stat(dir).then(
    (there) => there.isDirectory(),
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return true
      if (errorCode(error) === 'ENOTDIR') return false
      throw diskError(error, 'receive into', dir)
    },
  )
  if (isFolder) return
  const message = `--dir must be a folder, and ${printable(dir)} is a file, or below one; name another one`
  throw new SluiceError('ERR_USAGE', message, { path: dir })
}
