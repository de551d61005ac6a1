import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { printable, SluiceError } from '../../errors.js'
import { readFileRetry } from '../../files/content/read-file.js'
import { diskError } from '../../files/disk/disk-error.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import type { Offer } from '../../wire/entry.js'
import type { Context } from '../ui/context.js'
import type { Companion } from './companions.js'

/** Bytes of a text that is shown on a terminal, at most. */
const MOST_SHOWN = 65_536

/** A folder of its own for one file, which is written to standard output once it has come and is verified. */
export interface StandardOutput extends Companion {
  dir: string
  /** Removes the folder. */
  close(): Promise<void>
}

/** For `--stdout`: nobody can take a byte of standard output back, so that no byte is written before all are right. */
export async function standardOutput(context: Context): Promise<StandardOutput> {
  const { stdout } = context.io
  const dir = await mkdtemp(join(tmpdir(), 'sluice-')).catch((error: unknown) => {
    throw diskError(error, 'make a folder in', tmpdir())
  })
  return {
    dir,
    offered: (offer) => objectionTo(offer, stdout.isTTY),
    async attend(transfer) {
      const result = await transfer.finished.catch(() => undefined)
      if (!result) return
      const { name, path } = result.files[0]!
      const file = join(dir, name ?? path)
      if (!stdout.isTTY)
        return pipeline(createReadStream(file), stdout, { end: false, signal: context.signal })
      const bytes = await readFileRetry(file, { fs, maxBytes: MOST_SHOWN })
      if (!isUtf8(bytes)) throw new SluiceError('ERR_USAGE', `${printable(path)} ${NO_TEXT}`)
      stdout.write(shownText(bytes.toString()))
    },
    close: () => rm(dir, { recursive: true, force: true }),
  }
}

/** Why it cannot be one file on standard output. */
function objectionTo({ entries, first }: Offer, isTerminal: boolean): string | undefined {
  const [entry] = entries
  if (first > 0 || entries.length !== 1 || entry?.type !== 'file')
    return 'the receiver takes exactly one file, and no folder: it was started with --stdout'
  if (isTerminal && (entry.size === null || entry.size > MOST_SHOWN))
    return `the receiver shows it on a terminal, with --stdout, and takes no more than ${MOST_SHOWN} bytes`
  return undefined
}

const NO_TEXT = 'is no text, and nothing for a terminal; add > FILE or a pipe'

/** A text as a terminal may have it: its lines and tabs are its own, all else that is no letter is escaped. */
function shownText(text: string): string {
  const shown = text.replace(/\r\n/g, '\n').replace(/[^\n\t]+/g, (part) => printable(part, MOST_SHOWN))
  return shown.endsWith('\n') ? shown : `${shown}\n`
}
