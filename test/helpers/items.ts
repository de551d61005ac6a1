// The one set of builders for items of a river: what a sender's stages give, and what arrives at a receiver.
import { createHash } from 'node:crypto'
import { digestOf } from '../../lib/digest/digests.js'
import type { Code } from '../../lib/errors.js'
import type { DigestsItem, Item, OfferItem } from '../../lib/stages/river/items.js'
import type { Piece } from '../../lib/transfer/plan/pieces.js'
import { Plan } from '../../lib/transfer/plan.js'
import type { Entry, Offer, WireEntry } from '../../lib/wire/entry.js'
import { cutsOf, digestIn, endsIn, type Run, RunReader, runOf } from '../../lib/wire/run.js'
import { makeOffer } from './make-offer.js'

/** Text or bytes are files, `null` is a folder, `{ target }` a symbolic link. */
export type Content = Record<string, string | Buffer | null | { target: string }>

export interface ItemOptions {
  /** Transfer id: 32 hexadecimal digits. */
  id?: string
  algorithm?: string
  /** Bytes of a run, and entries of it, at most. */
  run?: number | undefined
  most?: number
  /** Bytes of a buffer at most: runs have as many as it takes. Default: a buffer is the file, as far as it is there. */
  cut?: number
  /** Runs as a stage of a user's makes them, instead of columns. */
  inCuts?: boolean
  /** Whether the digests are on the runs, as `hashTap` puts them there. Default true. */
  tapped?: boolean
  /** Which entries are wanted. Default: all. */
  want?: (entry: Entry) => boolean
  /** Permission bits of files, and those by path. */
  mode?: number | null
  modes?: Record<string, number | null>
  /** Times by path. */
  times?: Record<string, number>
}

/** When every entry was changed. */
export const MTIME = 1_600_000_000_123

/** A transfer with files, folders, empty ones and one that spans several runs. */
export const SMALL = {
  docs: null,
  'docs/empty': Buffer.alloc(0),
  'docs/a': Buffer.from('hello'),
  'docs/nothing': null,
  'docs/b': Buffer.alloc(1000, 'b'),
  'last empty': Buffer.alloc(0),
  c: Buffer.alloc(1700, 'cde'),
  z: null,
} satisfies Content

export function offerOf(content: Content, options: ItemOptions = {}): Offer {
  const { id = 'ab'.repeat(16), algorithm = 'sha256', mode = 0o644, modes = {}, times = {} } = options
  const entries = Object.entries(content).map(([path, value]): WireEntry => {
    const isFolder = value === null
    const common = { path, size: bytesOf(value).length, mtime: times[path] ?? MTIME }
    const { [path]: bits = isFolder ? 0o755 : mode } = modes
    if (isLink(value)) return { ...common, type: 'symlink', mode: bits, target: value.target }
    return { ...common, type: isFolder ? 'directory' : 'file', mode: bits }
  })
  return makeOffer({ id, name: 'test', algorithm }, entries)
}

/** A plan that wants all of an offer, or some of it. */
export function planOf(offer: Offer, want: (entry: Entry) => boolean = () => true): Plan {
  const plan = new Plan()
  plan.add(offer)
  for (const entry of offer.entries) {
    if (want(entry)) plan.want(1)
    else plan.skip(1)
  }
  return plan
}

/**
 * What the stages of a sender give: the offer, the runs, and the end. A number is the bytes of a run, 600 by default.
 */
export function itemsOf(content: Content, options: ItemOptions | number = {}): Item[] {
  const settings = typeof options === 'number' ? { run: options } : options
  const offer = offerOf(content, settings)
  const runs = Array.from(runsOf(offer, content, { ...settings, run: settings.run ?? 600 }), ({ run }) => run)
  return [offerItem(offer, settings), ...runs, { kind: 'end' }]
}

/** What arrives behind `hashTap`: the same, with what the sender says of the files after each run that ends some. */
export function arrivingOf(content: Content, options: ItemOptions = {}): Item[] {
  const offer = offerOf(content, options)
  const items: Item[] = [offerItem(offer, options)]
  for (const { run, said } of runsOf(offer, content, options)) items.push(run, ...(said ? [said] : []))
  return [...items, { kind: 'end' }]
}

/** A plan of its own, so that it is the stages under test that close its entries. */
function offerItem(offer: Offer, { want }: ItemOptions): OfferItem {
  return { kind: 'offer', offer, plan: planOf(offer, want) }
}

/** All runs of the wanted entries, and what is to be said of the files that end in each. */
function* runsOf(
  offer: Offer,
  content: Content,
  options: ItemOptions,
): Generator<{ run: Run; said: DigestsItem | undefined }> {
  const { run: bytes = 1 << 20, most: entries = 512, want } = options
  const plan = planOf(offer, want)
  const made = runMaker(offer, content, options)
  for (const [from, end] of wantedRows(plan))
    for (let at = from; at < end; at += bytes)
      for (const piece of plan.take(at, Math.min(bytes, end - at), { entries })) yield made(piece)
  for (const piece of plan.pass(offer.entries.length, { entries })) yield made(piece)
}

/** The runs that the bytes from `from` up to `end` of the stream make, wherever a file begins or ends. */
export function runsOver(
  offer: Offer,
  content: Content,
  [from, end]: readonly [from: number, end: number],
  options: ItemOptions = {},
): Run[] {
  const made = runMaker(offer, content, options)
  return Array.from(planOf(offer).take(from, end - from), (piece) => made(piece).run)
}

function runMaker({ entries }: Offer, content: Content, options: ItemOptions) {
  const { cut = 1 << 20, tapped = true, algorithm = 'sha256' } = options
  const files = entries.map(({ path }) => bytesOf(content[path]!)).filter(({ length }) => length > 0)
  const reader = new RunReader(files)
  let read = 0
  return ({ position, length, first, last, offset, ends }: Piece) => {
    reader.take(position - read)
    read = position + length
    const buffers = reader.take(length).flatMap((buffer) => pieces(buffer, cut))
    const run: Run = { kind: 'run', position, length, buffers, entries, first, last, offset, ends }
    const digests = digestsOf(run, content, algorithm)
    if (tapped && digests) run.digests = digests
    const isSaid = digests && entries.slice(digests.first, digests.first + digests.count).some(isFile)
    return {
      run: options.inCuts ? cutRun(run) : run,
      said: isSaid ? ({ kind: 'digests', ...digests } satisfies DigestsItem) : undefined,
    }
  }
}

/** Where wanted bytes lie side by side. */
function wantedRows(plan: Plan): [from: number, end: number][] {
  const rows: [number, number][] = []
  for (const { index, start, size } of plan.entries) {
    if (!plan.isWanted(index) || !size) continue
    const row = rows.at(-1)
    if (row?.[1] === start) row[1] += size
    else rows.push([start, start + size])
  }
  return rows
}

function pieces(buffer: Buffer, most: number): Buffer[] {
  const count = Math.ceil(buffer.length / most)
  return Array.from({ length: count }, (_, i) => buffer.subarray(i * most, (i + 1) * most))
}

/** The digests of the files that end in a run; slots of zeros for folders and links. */
function digestsOf(run: Run, content: Content, algorithm: string): Run['digests'] {
  const { first, last, entries } = run
  const count = (run.ends ? last + 1 : last) - first
  if (count === 0) return undefined
  const length = digestFor(algorithm, NOTHING).length
  const bytes = Buffer.alloc(count * length)
  for (const entry of entries.slice(first, first + count))
    if (isFile(entry))
      digestFor(algorithm, bytesOf(content[entry.path]!)).copy(bytes, (entry.index - first) * length)
  return { first, count, bytes }
}

/** By Node itself where it has the algorithm. */
function digestFor(algorithm: string, bytes: Buffer): Buffer {
  return algorithm === 'sha256' ? sha256(bytes) : digestOf(algorithm, bytes)
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** The bytes of a file; none for a folder or a link. */
export function bytesOf(value: Content[string]): Buffer {
  if (Buffer.isBuffer(value)) return value
  return typeof value === 'string' ? Buffer.from(value) : NOTHING
}

const NOTHING = Buffer.alloc(0)

function isFile({ type }: Entry): boolean {
  return type === 'file'
}

function isLink(value: Content[string]): value is { target: string } {
  return value !== null && typeof value === 'object' && 'target' in value
}

/** The same with runs in cuts, as a stage of a user's makes them. */
export function inCuts(items: readonly Item[]): Item[] {
  return items.map((item) => (item.kind === 'run' ? cutRun(item) : item))
}

export function cutRun(run: Run): Run {
  return withoutColumn(runOf(run, [...cutsOf(run)]))
}

/** The same without the digests that a tap put on the runs. */
export function withoutDigests(items: readonly Item[]): Item[] {
  return items.map((item) => (item.kind === 'run' ? withoutColumn(item) : item))
}

function withoutColumn({ digests: _, ...run }: Run): Run {
  return run
}

/** The same, where the sender says something else of some files: another digest, a failure, or nothing at all. */
export function saying(items: readonly Item[], change: Record<string, Buffer | Code | null>): Item[] {
  let entries: readonly Entry[] = []
  return items.map((item) => {
    if (item.kind === 'offer') entries = item.plan.entries
    return item.kind === 'digests' ? changed(item, entries, change) : item
  })
}

function changed(item: DigestsItem, entries: readonly Entry[], change: Record<string, Buffer | Code | null>) {
  const bytes = Buffer.from(item.bytes)
  const failures = new Map(item.failures)
  const slot = bytes.length / item.count
  for (const [path, said] of Object.entries(change)) {
    const index = entries.find((entry) => entry.path === path)!.index
    if (index < item.first || index >= item.first + item.count) continue
    const at = (index - item.first) * slot
    bytes.fill(0, at, at + slot)
    if (Buffer.isBuffer(said)) said.copy(bytes, at)
    else if (said !== null) failures.set(index, said)
  }
  return { ...item, bytes, failures }
}

/** The code with which a file fails. */
export function failureIn({ failures }: DigestsItem, index: number): Code | undefined {
  const why = failures?.get(index)
  return typeof why === 'string' ? why : why?.code
}

/** What items amount to: the content per path, whether it ended, and what the sender said of it. */
export function amount(items: readonly Item[]) {
  const files = new Map<string, { content: string; ended: boolean; said: string }>()
  const of = (path: string) => {
    const known = files.get(path) ?? { content: '', ended: false, said: '' }
    files.set(path, known)
    return known
  }
  let entries: readonly Entry[] = []
  for (const item of items) {
    if (item.kind === 'offer') entries = item.plan.entries
    if (item.kind === 'run') {
      for (const { entry, bytes, last } of cutsOf(item)) {
        const file = of(entry.path)
        if (file.ended) throw new Error(`${entry.path} goes on after its end`)
        file.content += bytes.toString('latin1')
        file.ended = last
      }
      for (let index = item.first; index <= item.last; index++)
        if (digestIn(item.digests, index) && !endsIn(item, index)) throw new Error('a digest before the end')
    }
    if (item.kind === 'digests') {
      for (let index = item.first; index < item.first + item.count; index++) {
        const said = failureIn(item, index) ?? digestIn(item, index)?.toString('hex')
        if (said !== undefined) of(entries[index]!.path).said = said
      }
    }
  }
  return Object.fromEntries(files)
}

/** What {@link amount} gives of a transfer that arrived whole. */
export function expected(content: Content) {
  return Object.fromEntries(
    Object.entries(content).map(([path, value]) => {
      const isSaid = value !== null && !isLink(value)
      const bytes = bytesOf(value)
      return [
        path,
        { content: bytes.toString('latin1'), ended: true, said: isSaid ? sha256(bytes).toString('hex') : '' },
      ]
    }),
  )
}
