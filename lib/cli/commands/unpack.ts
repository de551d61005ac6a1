import { pipeline } from 'node:stream/promises'
import { deferred } from '../../async.js'
import { pause, systemClock } from '../../clock.js'
import { isSluiceError, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { deframer } from '../../stages/deframer.js'
import { demuxer } from '../../stages/demuxer.js'
import { finalizer } from '../../stages/finalizer.js'
import { hashTap } from '../../stages/hash-tap.js'
import { partSink } from '../../stages/part-sink.js'
import { OutcomeTable } from '../../transfer/outcome-table.js'
import type { Plan } from '../../transfer/plan.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { OutcomeRange } from '../../wire/outcome.js'
import type { Context } from '../ui/context.js'
import { standardInput } from '../ui/streams.js'
import { Tally } from '../ui/words/tally.js'
import { checkDestination } from './destination.js'
import { OneWay } from './one-way.js'
import { intoFolder, type ReceiveFlags } from './receive.js'

/** Milliseconds for which the end of the input is waited for when all is there. */
const MOST_WAIT = 1000

/** The options of `sluice unpack`: those of `receive` that need no connection. */
export type UnpackFlags = Omit<ReceiveFlags, 'listen' | 'once' | 'yes'>

/** `sluice unpack`: reads a one-way stream from standard input. */
export async function unpackCommand(flags: UnpackFlags, { io, reporter, signal }: Context): Promise<void> {
  if (io.stdin.isTTY)
    throw new SluiceError('ERR_USAGE', 'a packed stream does not come from a terminal; add < FILE')
  const { dir, durability, names, conflict, unless, links, together } = flags
  await checkDestination(dir)
  const fs = commandFileSystem
  const began = performance.now()
  let entries: readonly Entry[] = []
  const oneWay = new OneWay(reporter)
  const tally = new Tally()
  const settled = reporter.settling(tally, () => oneWay.id)
  const table = new OutcomeTable()
  const onOffer = (offer: Offer, plan: Plan) => {
    entries = plan.entries
    reporter.endsWith(offer)
    reporter.offered(offer)
  }
  const onSettled = (ranges: readonly OutcomeRange[]) => {
    for (const range of ranges) {
      table.add(range, entries)
      settled(range, entries)
    }
  }
  const warn = reporter.warnings(() => oneWay.id)
  const symlinks = links ? 'keep' : 'skip'
  const sink = partSink({ dir, fs, durability, publish: together ? 'together' : 'each', names, warn })
  // where the stream is cut off, what came before is stored before anything fails
  const cut = deferred<void>()
  const demux = demuxer({
    names,
    onOffer,
    onCut: async () => {
      await sink.drain(demux.plan.cameBytes)
      cut.resolve()
    },
  })
  // the table keeps what became of each
  const last = finalizer({ conflict, unless, symlinks, onSettled, warn, outcomes: 'failed' })
  const river = [deframer({ afterCut: () => cut.promise }), demux, oneWay.stage(), hashTap(), sink, last]
  const numbers = () => ({ id: oneWay.id, bytes: oneWay.bytes, took: performance.now() - began })
  try {
    const input = await standardInput(io)
    // netcat, and not it alone, keeps its end open behind the last byte; what follows END is an error, not to be missed
    const over = new AbortController()
    last.once('finish', () => pause(systemClock, MOST_WAIT, over.signal).then(() => input.destroy()))
    const isAllThere = (error: unknown) =>
      last.writableFinished && errorCode(error) === 'ERR_STREAM_PREMATURE_CLOSE'
    await pipeline([input, ...river], { signal })
      .catch((error) => {
        if (!isAllThere(error)) throw error
      })
      .finally(() => over.abort())
  } catch (error) {
    oneWay.over()
    const why = (signal.aborted ? signal.reason : error) as SluiceError
    if (isSluiceError(why, 'ERR_FILES_FAILED')) {
      const { id, bytes, took } = numbers()
      reporter.partly(why, tally, intoFolder(dir), id, { bytes, took })
    } else if (oneWay.id !== '') {
      const at = { where: intoFolder(dir), progress: oneWay.progress, gone: 'the stream ended' }
      reporter.interrupted(why, tally, oneWay.id, at)
    }
    throw ofInput(error, io.stdin)
  }
  oneWay.over()
  const { id, bytes, took } = numbers()
  reporter.completed(table.result(id, entries, bytes), tally, intoFolder(dir), took)
}

/** What is wrong with standard input as a whole, in words that speak of no peer. */
function ofInput(error: unknown, stdin: Context['io']['stdin']): unknown {
  if (isSluiceError(error, 'ERR_NOT_SLUICE')) {
    const { code, expected, found } = error
    const message =
      'standard input is not what sluice pack wrote; if that was compressed since, decompress it first, as with gunzip'
    return new SluiceError(code, message, { expected, found, cause: error })
  }
  if (!isSluiceError(error, 'ERR_TRUNCATED') || stdin.bytesRead !== 0) return error
  const message = 'nothing came from standard input: the stream ended before its first byte'
  return new SluiceError(error.code, message, { cause: error })
}
