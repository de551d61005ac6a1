import { pipeline } from 'node:stream/promises'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { createAtomicWriteStream } from '../../files/atomic/atomic-stream.js'
import { readError } from '../../files/disk/disk-error.js'
import { badOption } from '../../options.js'
import { size } from '../../terminal/text.js'
import type { Context } from '../ui/context.js'
import { standardInput } from '../ui/streams.js'

/** The options of `sluice write`; see its help. */
export interface WriteFlags {
  /** true if no number was given. */
  backup?: string | boolean
  mode?: string
  durability: 'crash' | 'power'
  verify?: boolean
  clobber: boolean
}

/** `sluice write`: replaces a file with standard input, once all of that was read. */
export async function writeCommand(file: string, flags: WriteFlags, context: Context): Promise<void> {
  const { io, reporter, signal } = context
  const { durability, verify, clobber } = flags
  const stream = createAtomicWriteStream(file, {
    durability,
    verify,
    signal,
    backup: number('--backup', flags.backup ?? false, 10),
    mode: number('--mode', flags.mode, 8),
    conflict: clobber ? 'overwrite' : 'fail',
  })
  try {
    await pipeline(await standardInput(io), stream)
  } catch (error) {
    stream.destroy()
    if (!clobber && isSluiceError(error, 'ERR_CONFLICT')) {
      const message = `${printable(file)} is there already, and stays as it is with --no-clobber`
      throw new SluiceError('ERR_CONFLICT', message, { path: file, cause: error })
    }
    throw isSluiceError(error) ? error : readError(error, 'standard input')
  }
  const { path, bytes, digest, backup, warning } = await stream.result
  if (warning) reporter.warn(warning)
  reporter.event({ event: 'written', path, bytes, digest: digest.toString('hex'), backup })
  const kept = backup === undefined ? '' : `; what was there is ${printable(backup)}`
  reporter.note(`${size(bytes)} written to ${printable(path)}${kept}`)
}

/** The number that an option says; `ERR_USAGE` where it is none. */
function number<T extends boolean | undefined>(option: string, text: string | T, base: 8 | 10): number | T {
  if (typeof text !== 'string') return text
  const digits = base === 8 ? /^[0-7]{1,4}$/ : /^\d{1,9}$/
  if (digits.test(text)) return Number.parseInt(text, base)
  const what = base === 8 ? 'an octal number, as 644' : 'a whole number'
  throw badOption(option, what, text)
}
