import { createHash } from 'node:crypto'
import type { Item } from '../../lib/stages/river/items.js'
import { type Piece, Plan } from '../../lib/transfer/plan.js'
import type { Offer, WireEntry } from '../../lib/wire/entry.js'
import { makeOffer } from '../../lib/wire/manifest.js'
import { cutsOf, type DigestColumn, digestIn, endsIn, type Run, RunReader, runOf } from '../../lib/wire/run.js'

/** The content of a small transfer: bytes are files, `null` is a folder. */
export type Content = Record<string, Buffer | null>

/** A transfer with files, folders, empty ones and one that spans several runs. */
export const SMALL: Content = {
  docs: null,
  'docs/empty': Buffer.alloc(0),
  'docs/a': Buffer.from('hello'),
  'docs/nothing': null,
  'docs/b': Buffer.alloc(1000, 'b'),
  'last empty': Buffer.alloc(0),
  c: Buffer.alloc(1700, 'cde'),
  z: null,
}

export function offerOf(content: Content): Offer {
  const entries = Object.entries(content).map(
    ([path, bytes]): WireEntry => ({
      type: bytes === null ? 'directory' : 'file',
      path,
      size: bytes?.length ?? 0,
      mtime: 1_600_000_000_123,
      mode: bytes === null ? 0o755 : 0o640,
    }),
  )
  return makeOffer({ id: '0123456789abcdef0123456789abcdef', name: 'small', algorithm: 'sha256' }, entries)
}

const DIGEST_LENGTH = 32

/** A plan that wants all of an offer. */
export function planOf(offer: Offer): Plan {
  const plan = new Plan()
  plan.add(offer)
  plan.want(offer.entries.length)
  return plan
}

/** The items of a whole transfer: the offer, runs of `run` bytes with their digests, and the end. */
export function itemsOf(content: Content, run = 600): Item[] {
  const offer = offerOf(content)
  const plan = planOf(offer)
  const reader = new RunReader(Object.values(content).filter((bytes) => bytes !== null && bytes.length > 0) as Buffer[])
  const items: Item[] = [{ kind: 'offer', offer, plan }]
  const add = ({ position, length, first, last, offset, ends }: Piece) => {
    const { entries } = plan
    const buffers = reader.take(length)
    const item: Run = { kind: 'run', position, length, buffers, entries, first, last, offset, ends }
    const digests = digestsOf(item, content)
    items.push(digests ? { ...item, digests } : item)
  }
  for (let at = 0; at < offer.bytes; at += run)
    for (const piece of plan.take(at, Math.min(run, offer.bytes - at))) add(piece)
  for (const piece of plan.pass()) add(piece)
  items.push({ kind: 'end' })
  return items
}

function digestsOf(run: Run, content: Content): DigestColumn | undefined {
  const { first, last, entries } = run
  const count = (run.ends ? last + 1 : last) - first
  if (count === 0) return undefined
  const bytes = Buffer.alloc(count * DIGEST_LENGTH)
  for (let index = first; index < first + count; index++) {
    const { path, type } = entries[index]!
    if (type === 'file') sha256(content[path]!).copy(bytes, (index - first) * DIGEST_LENGTH)
  }
  return { first, count, bytes }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** The same with runs in cuts, as a stage of a user's makes them. */
export function inCuts(items: readonly Item[]): Item[] {
  return items.map((item) => (item.kind === 'run' ? withoutColumn(runOf(item, [...cutsOf(item)])) : item))
}

/** The same without the digests that a tap put on the runs. */
export function withoutDigests(items: readonly Item[]): Item[] {
  return items.map((item) => (item.kind === 'run' ? withoutColumn(item) : item))
}

function withoutColumn({ digests: _, ...run }: Run): Run {
  return run
}

/** What items amount to: the content per path, whether it ended, and what the sender said of it. */
export function amount(items: readonly Item[]) {
  const files = new Map<string, { content: string; ended: boolean; said: string }>()
  const of = (path: string) => {
    const known = files.get(path) ?? { content: '', ended: false, said: '' }
    files.set(path, known)
    return known
  }
  let entries: Run['entries'] = []
  for (const item of items) {
    if (item.kind === 'offer') entries = item.plan.entries
    if (item.kind === 'run') {
      for (const { entry, bytes, last } of cutsOf(item)) {
        const file = of(entry.path)
        if (file.ended) throw new Error(`${entry.path} goes on after its end`)
        file.content += bytes.toString('latin1')
        file.ended = last
      }
      for (let index = item.first; index <= item.last; index++) {
        if (digestIn(item.digests, index) && !endsIn(item, index)) throw new Error('a digest before the end')
      }
    }
    if (item.kind === 'digests') {
      for (let index = item.first; index < item.first + item.count; index++) {
        const said = item.failures?.get(index) ?? digestIn(item, index)?.toString('hex')
        if (said !== undefined) of(entries[index]!.path).said = said
      }
    }
  }
  return Object.fromEntries(files)
}

/** What {@link amount} gives of a transfer that arrived whole. */
export function expected(content: Content) {
  return Object.fromEntries(
    Object.entries(content).map(([path, bytes]) => [
      path,
      {
        content: bytes?.toString('latin1') ?? '',
        ended: true,
        said: bytes === null ? '' : sha256(bytes).toString('hex'),
      },
    ]),
  )
}
