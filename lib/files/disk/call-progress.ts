import { asSluiceError } from '../../errors.js'

/**
 * Tells the progress. What the user's function throws becomes `ERR_DESTROYED`, with that as its cause: so it is not
 * taken for an error of the disk, whatever its code.
 */
export function callProgress(call: () => void): void {
  try {
    call()
  } catch (thrown) {
    throw asSluiceError(thrown, 'ERR_DESTROYED', 'progress failed')
  }
}
