import { asSluiceError, counted, printable } from '../../errors.js'
import { localPath } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { homeFolder } from '../../peers/home.js'
import { localTime, size } from '../../terminal/text.js'
import { type RecordedTransfer, readHistory } from '../../transfers/history-file.js'
import type { TransfersOptions } from '../../transfers.js'
import { existingHome, historyFileIn } from '../network/home.js'
import type { Reporter } from '../ui/reporter.js'

/** How many of a folder are shown: the last ones. */
const MOST_SHOWN = 10

/**
 * For `receive --history`: where transfers are kept that are over; they say into which folder they went.
 * @param dirOf the folder of a peer; undefined if nothing goes to one
 */
export async function keptHistory(
  dirOf: ((peer: string | undefined) => string) | undefined,
): Promise<Pick<TransfersOptions, 'historyFile' | 'place'>> {
  const historyFile = historyFileIn(await homeFolder({ fs }, true))
  return { historyFile, ...(dirOf && { place: (peer) => localPath('--dir', dirOf(peer)) }) }
}

/** Shows the last transfers into a folder of which there is a record, the newest last. */
export async function showHistory(dir: string, reporter: Reporter): Promise<void> {
  const home = await existingHome()
  if (home === undefined) return
  const all = await readHistory(historyFileIn(home)).catch((error: unknown) => {
    reporter.warn(asSluiceError(error, 'ERR_SOURCE_READ', 'the history cannot be read'))
    return []
  })
  const real = (path: string) => fs.realpath(path).catch(() => path)
  const folder = await real(localPath('dir', dir))
  // it has few places in it
  const places = new Map<string | undefined, boolean>()
  for (const { place } of all)
    if (place !== undefined && !places.has(place)) places.set(place, (await real(place)) === folder)
  for (const past of all.filter(({ place }) => places.get(place)).slice(-MOST_SHOWN)) {
    const { place: _, ...told } = past
    reporter.result({ event: 'past', ...told }, rowOf(past))
  }
}

/** A row for people. */
function rowOf({ state, ended, files, bytes, peer, message }: RecordedTransfer): string {
  return [
    printable(state, 100).padEnd(11),
    localTime(new Date(ended)),
    `${counted(files, 'entry', 'entries')}, ${size(bytes)}`,
    ...(peer === undefined ? [] : [`from ${printable(peer, 200)}`]),
    ...(message === undefined ? [] : [printable(message, 300)]),
  ].join('  ')
}
