import { pipeline } from 'node:stream/promises'
import { counted, type FileOutcome, SluiceError } from '../../errors.js'
import { fileSource } from '../../stages/file-source.js'
import { framer } from '../../stages/framer.js'
import { hashTap } from '../../stages/hash-tap.js'
import { size } from '../../terminal/text.js'
import type { Entry } from '../../wire/entry.js'
import { leftOut, manifestOfArguments, type SourceFlags } from '../sending/sources.js'
import type { Context } from '../ui/context.js'
import { kindsOf } from '../ui/words/tally.js'
import { OneWay } from './one-way.js'

/** `sluice pack`: writes a one-way stream to standard output, and its events, if asked for, to standard error. */
export async function packCommand(paths: string[], flags: SourceFlags, context: Context): Promise<void> {
  const { io, reporter, signal } = context
  if (io.stdout.isTTY) {
    throw new SluiceError('ERR_USAGE', 'a packed stream is nothing for a terminal; add > FILE or a pipe')
  }
  const manifest = await manifestOfArguments(paths, flags, context)
  const { id, entries } = manifest.offer
  reporter.endsWith(manifest.offer)
  const warn = reporter.warnings(() => id)
  for (const warning of manifest.skipped) warn(warning)
  const failures: FileOutcome[] = entries
    .filter(({ type }) => type === 'unreadable')
    .map(({ path, code }) => ({ path, status: 'failed', code: code! }))
  const onFailure = (error: SluiceError, { path }: Entry) => {
    failures.push({ path, status: 'failed', code: error.code, error })
    warn(error)
  }
  const source = fileSource(manifest, { onFailure })
  const oneWay = new OneWay(reporter)
  try {
    await pipeline(source, oneWay.stage(), hashTap(), framer(), io.stdout, { signal })
  } finally {
    oneWay.over()
  }
  if (failures.length > 0) {
    const message = `${failures.length} of ${counted(entries.length, 'entry', 'entries')} could not be packed`
    throw new SluiceError('ERR_FILES_FAILED', message, { outcomes: failures })
  }
  const left = leftOut(manifest)
  // the size of a stream is known now
  const { bytes } = oneWay
  const numbers = {
    published: entries.length,
    skipped: 0,
    there: 0,
    leftOut: left,
    failed: 0,
    bytes,
    resumedBytes: 0,
  }
  reporter.event({ event: 'completed', id, ...numbers })
  const more = left === 0 ? '' : `; ${left} left out`
  reporter.note(`${kindsOf(entries)} packed (${size(bytes)})${more}`)
}
