import { pipeline } from 'node:stream/promises'
import { SluiceError } from '../../errors.js'
import { fileSource } from '../../stages/file-source.js'
import { framer } from '../../stages/framer.js'
import { hashTap } from '../../stages/hash-tap.js'
import type { Context } from '../terminal/context.js'
import { counted, size } from '../terminal/progress.js'
import { manifestOfArguments, type SourceFlags } from './send.js'

/** `sluice pack`: writes a one-way stream to standard output, and its events, if asked for, to standard error. */
export async function packCommand(paths: string[], flags: SourceFlags, context: Context): Promise<void> {
  const { io, reporter, signal } = context
  if (io.stdout.isTTY) {
    throw new SluiceError('ERR_USAGE', 'a packed stream is nothing for a terminal; add > FILE or a pipe')
  }
  const manifest = await manifestOfArguments(paths, flags, context)
  const { id, entries, bytes } = manifest.offer
  reporter.endsWith(manifest.offer)
  for (const warning of manifest.skipped) reporter.warn(warning, id)
  const failures: SluiceError[] = []
  const onFailure = (error: SluiceError) => {
    failures.push(error)
    reporter.warn(error, id)
  }
  const source = fileSource(manifest, { onFailure })
  await pipeline(source, hashTap(), framer(), io.stdout, { signal })
  if (failures.length > 0) {
    const outcomes = failures.map(({ path, code }) => ({ path, status: 'failed', code }))
    const message = `${failures.length} of ${counted(entries.length, 'entry', 'entries')} could not be packed`
    throw new SluiceError('ERR_FILES_FAILED', message, { outcomes })
  }
  reporter.event({ event: 'completed', id, published: entries.length, skipped: 0, failed: 0, bytes })
  reporter.note(`${counted(entries.length, 'entry', 'entries')} packed, ${size(bytes)}`)
}
