import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { Socket } from 'node:net'
import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode, readError } from '../../files/disk/disk-error.js'
import { OPEN } from '../../files/disk/fs.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import type { Context } from '../ui/context.js'
import { standardInput } from '../ui/streams.js'

/** Where paths are listed, one a line. */
export interface ListFlags {
  /** A file, or `-` for standard input. */
  filesFrom?: string
  /** They end with a byte of zero each, and not with the line. */
  null?: boolean
}

/**
 * The paths that a list names, in its order; empty lines say nothing. Throws `ERR_USAGE` for a path at which nothing
 * is, with its line, and for a list that is empty, or no text.
 */
export async function pathsFrom(
  { filesFrom, null: isByNull = false }: ListFlags,
  context: Context,
): Promise<string[]> {
  const { reporter, signal } = context
  if (filesFrom === undefined) {
    if (isByNull) throw new SluiceError('ERR_USAGE', '--null is for --files-from')
    return []
  }
  const name = filesFrom === '-' ? 'standard input' : printable(filesFrom)
  if (filesFrom === '-') reporter.inputIsSent()
  const bytes = await contentOf(filesFrom, context).catch((error: unknown) => {
    signal.throwIfAborted()
    throw readError(error, name)
  })
  const wrong = (what: string) => new SluiceError('ERR_USAGE', `--files-from: ${name} ${what}`)
  if (!isUtf8(bytes)) throw wrong('is no list: it is not UTF-8')
  if (!isByNull && bytes.includes(0)) throw wrong('has a byte of zero in it: add --null')
  const lines = bytes.toString().split(isByNull ? '\0' : /\r?\n/)
  const paths: string[] = []
  for (const [index, path] of lines.entries()) {
    if (path === '') continue
    signal.throwIfAborted()
    await checkThere(path, `${name}, ${isByNull ? 'path' : 'line'} ${index + 1}`)
    // a file of that name, and not standard input
    paths.push(path === '-' ? './-' : path)
  }
  if (paths.length === 0) throw wrong('names nothing')
  return paths
}

/** All of it. Who writes into a pipe may take long, or never come: the signal ends that. */
async function contentOf(filesFrom: string, { io, signal }: Context): Promise<Buffer> {
  const stream = filesFrom === '-' ? await standardInput(io) : await opened(filesFrom)
  return buffer(addAbortSignal(signal, stream as Readable))
}

async function opened(path: string): Promise<Readable> {
  const fd = await fs.open(path, OPEN.anyFile)
  try {
    // a pipe is waited for, and occupies no thread, which would keep the program from ending
    return new Socket({ fd, writable: false })
  } catch {
    // it is none
    return createReadStream('', { fd })
  }
}

async function checkThere(path: string, where: string): Promise<void> {
  try {
    await fs.stat(path)
  } catch (error) {
    const isNothing = errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'
    const why = isNothing ? `there is no ${printable(path, 500)}` : diskError(error, 'read', path).message
    throw new SluiceError('ERR_USAGE', `--files-from: ${where}: ${why}`, { path, cause: error })
  }
}
