import { randomBytes } from 'node:crypto'
import type { FinalizerOptions } from '../../lib/stages/finalizer.js'
import type { PartSinkOptions } from '../../lib/stages/part-sink.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import type { Outcome } from '../../lib/wire/outcome.js'
import { arrivingOf, bytesOf, type Content, saying } from './items.js'
import { type Received, receiveItems } from './river.js'

// A receive of many small files, and all that may be unusual with one of them: names that are taken, a part that is
// the user's, a folder whose name a file has, a mode that nobody could open again, a digest that does not match.

export const SENT: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/b.txt': 'b'.repeat(700),
  'photos/empty': '',
  'photos/c.txt': 'ccc',
  'photos/deep': null,
  'photos/deep/1': '1'.repeat(40),
  'photos/deep/2': '22',
  'photos/deep/locked': 'nobody writes here',
  'photos/deep/bad': 'this does not match',
  'photos/deep/4': '4444',
  'report.pdf': randomBytes(300),
  'taken/inner': 'below a folder whose name a file has',
  'taken/other': 'beside it',
  'new/large': randomBytes(5000),
  'new/last': 'the last one',
}

export const STANDING: Record<string, string> = {
  '/dst/report.pdf': 'another report',
  '/dst/photos/mine': 'mine',
  '/dst/photos/c.txt.part': 'a part that is none of ours',
  '/dst/taken': 'a file',
  '/outside': 'not yours',
}

const BAD = 'photos/deep/bad'
const contents = new Set(
  Object.entries(SENT)
    .filter(([path, content]) => path !== BAD && content !== null)
    .map(([, content]) => bytesOf(content).toString('hex')),
)

export function setScene(disk: MemoryDisk): void {
  for (const [path, content] of Object.entries(STANDING)) disk.put(path, content)
}

/** What came of it, and what was told while it ran, in order. */
export interface ReceivedScene extends Received {
  told: Outcome[]
}

/** Runs end in the middle of files, as they do behind a socket. */
export async function receiveScene(
  fs: PartSinkOptions['fs'],
  options: Partial<PartSinkOptions & FinalizerOptions> = {},
): Promise<ReceivedScene> {
  const items = arrivingOf(SENT, { run: 900, modes: { 'photos/deep/locked': 0o400 } })
  const told: Outcome[] = []
  const received = await receiveItems(saying(items, { [BAD]: Buffer.alloc(32, 1) }), {
    dir: '/dst',
    fs,
    concurrency: 1,
    ...options,
    onOutcome: async (batch) => {
      told.push(...batch)
      await options.onOutcome?.(batch)
    },
  })
  return { ...received, told }
}

/** What has to hold at every moment, whatever failed, and whoever died; throws where it does not. */
export function checkScene(disk: MemoryDisk, told: readonly Outcome[], place: string): void {
  const fail = (what: string) => {
    throw new Error(`${what}; ${place}`)
  }
  const files = disk.snapshot()
  for (const [path, content] of Object.entries(STANDING))
    if (files.get(path)?.toString() !== content) fail(`${path} is not what it was`)
  for (const [path, content] of files) {
    if (path in STANDING || path.startsWith('/dst/.sluice/') || path.endsWith('.part')) continue
    if (!path.startsWith('/dst/')) fail(`${path} is outside`)
    if (!contents.has(content.toString('hex'))) fail(`${path} has a name, but not its content`)
  }
  for (const { path, status, name = path, entry } of told) {
    if (status !== 'published' || entry.type !== 'file') continue
    if (!files.get(`/dst/${name}`)?.equals(bytesOf(SENT[path]!))) fail(`${path} was acknowledged as ${name}`)
  }
}

/** What must not be there once all leftovers were collected. */
export function checkNothingLeft(disk: MemoryDisk, place: string): void {
  const left = disk.list().filter((path) => /\.part$|sluice/.test(path) && !(path in STANDING))
  if (left.length > 0) throw new Error(`left over: ${left.join(', ')}; ${place}`)
}

/** That all of it arrived but what cannot; after a run that nothing disturbed. */
export function checkArrived(disk: MemoryDisk, { outcomes, error }: Received, place: string): void {
  const fail = (what: string) => {
    throw new Error(`${what}; ${place}`)
  }
  if (error?.code !== 'ERR_FILES_FAILED') fail(`it ended with ${error?.stack}`)
  const failed = outcomes.filter(({ status }) => status === 'failed').map(({ path }) => path)
  if (failed.join() !== BAD) fail(`these failed: ${failed.join(', ')}`)
  const names = new Map(outcomes.map(({ path, name = path }) => [path, `/dst/${name}`]))
  const files = disk.snapshot()
  for (const [path, content] of Object.entries(SENT)) {
    if (path === BAD) continue
    const name = names.get(path) ?? fail(`${path} has no outcome`)
    if (content === null ? !disk.list().includes(`${name}/`) : !files.get(name!)?.equals(bytesOf(content)))
      fail(`${path} is not there as ${name}`)
  }
}
