import { type Duplex, Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Code, isSluiceError, type SluiceError } from '../../errors.js'
import { CONFLICTS } from '../../files/publish/policies.js'
import { isBytes } from '../../options.js'
import { deframer } from '../../stages/deframer.js'
import { demuxer } from '../../stages/demuxer.js'
import { fileSource } from '../../stages/file-source.js'
import { type FinalizerOptions, finalizer } from '../../stages/finalizer.js'
import { framer } from '../../stages/framer.js'
import { hashTap } from '../../stages/hash-tap.js'
import type { Manifest } from '../../stages/manifest/builder.js'
import { manifestOfEntries } from '../../stages/manifest/manifest-from.js'
import { partSink } from '../../stages/part-sink.js'
import type { Item } from '../../stages/river/items.js'
import { memorySources } from '../../stores/memory-sources.js'
import type { PartStore } from '../../stores/parts.js'
import type { Conflict } from '../../stores/policy.js'
import type { SourceEntry } from '../../stores/sources.js'
import { Plan } from '../../transfer/plan.js'
import type { Outcome } from '../../wire/outcome.js'
import { ensure, fail, within } from './harness/probe.js'

/** What stands somewhere: the content of a file, null for a folder, where a symbolic link points to. */
export type PlacedContent = Uint8Array | null | { target: string }

/** A place where stores of parts put files. */
export interface PartStorePlace {
  /** A store over the place. Called once for each transfer; what the transfers before have published stands there. */
  open(): PartStore | Promise<PartStore>
  /** All that users can see there, by path. Parts of unfinished files are none of it. */
  read(): ReadonlyMap<string, PlacedContent> | Promise<ReadonlyMap<string, PlacedContent>>
  /** Permission bits of a folder. Left out where folders have none: then they are not looked at. */
  modeOf?(path: string): number | Promise<number>
}

/** What is sent, by path; all folders with {@link FOLDER_MODE}. */
export type Sent = Record<string, PlacedContent>

/** Permission bits that no store gives to a folder by itself. */
const FOLDER_MODE = 0o700

/** How a transfer is received. */
export interface TransferOptions extends FinalizerOptions {
  /** Which of the files comes by a second offer, attached before the end. */
  attach?: string
  /** Stages before and behind `partSink`. */
  before?: Transform
  behind?: Transform
  /** Data bytes of a frame at most. */
  maxFrame?: number
  signal?: AbortSignal
}

/** What came of a transfer; `error` is what ended it, but for files that failed. */
export interface Received {
  outcomes: Map<string, Outcome>
  error?: SluiceError
}

/** Sends files through all stages of both rivers into a store; resolves when the stages have closed. */
async function transfer(
  store: PartStore,
  files: Sent,
  patience: number,
  { attach, before, behind, maxFrame, signal, ...options }: TransferOptions = {},
): Promise<Received> {
  const entries = Object.entries(files).map(([path, content]): SourceEntry => {
    if (content === null) return { type: 'directory' as const, path, mode: FOLDER_MODE }
    if ('target' in content) return { type: 'symlink' as const, path, target: content.target }
    return { path, size: content.length }
  })
  const contents = Object.entries(files).filter((file): file is [string, Uint8Array] => isBytes(file[1]))
  const sources = memorySources(new Map(contents))
  const isFirst = ({ path }: SourceEntry) => path !== attach
  const manifest = manifestOfEntries(entries.filter(isFirst), sources, { name: 'conformance', open: true })
  const more = entries.filter((entry) => !isFirst(entry))
  const last = finalizer(options)
  const sink = partSink({ store })
  const stages: [...Duplex[], Writable] = [
    ...(before ? [before] : []),
    sink,
    ...(behind ? [behind] : []),
    last,
  ]
  const closed = Promise.all(
    [sink, last].map((stage) => new Promise((resolve) => stage.once('close', resolve))),
  )
  const source = fileSource(manifest)
  const attached = changing(async (item) =>
    more.length > 0 && item.kind === 'end' ? [...(await attachedTo(manifest, more)), item] : [item],
  )
  const wire = [attached, hashTap(), framer({ maxFrame }), deframer(), demuxer(), hashTap()]
  const run = pipeline([source, ...wire, ...stages], { signal })
  let error: SluiceError | undefined
  try {
    await within(patience, 'the end of the transfer', run)
  } catch (thrown) {
    if (!isSluiceError(thrown) && !signal?.aborted) throw thrown
    if (!isSluiceError(thrown, 'ERR_FILES_FAILED')) error = thrown as SluiceError
  }
  await within(patience, `'close' of the stages`, closed)
  const outcomes = await last.outcomes.catch((): Outcome[] => [])
  return { outcomes: new Map(outcomes.map((outcome) => [outcome.path, outcome])), ...(error && { error }) }
}

/** The items of an offer that follows another one. */
async function attachedTo(before: Manifest, entries: readonly SourceEntry[]): Promise<Item[]> {
  const manifest = manifestOfEntries(entries, before.store, { name: 'attached', after: before.offer })
  const plan = new Plan()
  plan.add(before.offer)
  plan.skip(before.offer.entries.length)
  plan.add(manifest.offer)
  plan.want(entries.length)
  const source = fileSource(manifest, { plan })
  source.finish()
  const items: Item[] = []
  for await (const item of source) if (item.kind !== 'end') items.push(item)
  return items
}

/** A stage that gives other items for each item. */
export function changing(change: (item: Item) => Iterable<Item> | Promise<Iterable<Item>>): Transform {
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    async transform(item: Item, _encoding, done) {
      try {
        for (const other of await change(item)) this.push(other)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
}

/** What a store can do. */
interface Abilities {
  conflicts: readonly Conflict[]
  isAscending: boolean
  /** All is published at the end, or nothing. */
  isTogether: boolean
  hasFolders: boolean
  hasClaims: boolean
}

/** A place, and what the cases do with it. */
export class StorePlace {
  readonly #place: PartStorePlace
  readonly #patience: number

  constructor(place: PartStorePlace, patience: number) {
    const isPlace = typeof place?.open === 'function' && typeof place.read === 'function'
    ensure(
      isPlace,
      'what make gives must be a place: an object with open(), which gives the store, and read()',
    )
    this.#place = place
    this.#patience = patience
  }

  async receive(files: Sent, options: TransferOptions = {}): Promise<Received> {
    return transfer(await this.#place.open(), files, this.#patience, options)
  }

  async open(): Promise<PartStore> {
    return this.#place.open()
  }

  async read(): Promise<ReadonlyMap<string, PlacedContent>> {
    const seen = await this.#place.read()
    const isMap = typeof seen?.get === 'function' && typeof seen.has === 'function'
    ensure(isMap, 'what read() of the place gives must be a Map of what stands there, by its path')
    return seen
  }

  check(files: Sent, received: Received): Promise<void> {
    return checkArrived(this, files, received)
  }

  /** The folder must have the mode of its entry. */
  async checkMode(path: string): Promise<void> {
    const mode = (await this.#place.modeOf?.(path)) ?? FOLDER_MODE
    ensure(mode === FOLDER_MODE, `the folder ${path} has the mode ${mode.toString(8)}, not that of its entry`)
  }

  /** What the store can do. */
  async abilities(): Promise<Abilities> {
    const store = await this.#place.open()
    const { order, conflicts = CONFLICTS, publish } = store.features ?? {}
    await store.close?.()
    return {
      conflicts,
      isAscending: order === 'ascending',
      isTogether: publish === 'together',
      hasFolders: store.makeFolder !== undefined,
      hasClaims: store.claims !== undefined,
    }
  }

  /**
   * A file must have failed, with one of the codes, and must not be seen; the others must have arrived, or none of them
   * in a store that publishes all together.
   */
  async checkFailed(files: Sent, path: string, received: Received, codes: Code[]): Promise<void> {
    const outcome = received.outcomes.get(path)
    ensure(outcome?.status === 'failed', `${path} is ${outcome?.status}, and should have failed`)
    ensure(codes.includes(outcome.code!), `${path} failed with ${outcome.code}, not ${codes.join(' or ')}`)
    ensure(!(await this.read()).has(path), `${path} failed, and is to be seen`)
    const { [path]: _failed, ...others } = files
    if (!(await this.abilities()).isTogether) return this.check(others, received)
    for (const other of Object.keys(others)) {
      const { code } = received.outcomes.get(other) ?? fail(`${other} has no outcome`)
      ensure(code === 'ERR_TOGETHER', `${path} failed, and ${other} has ${code} instead of ERR_TOGETHER`)
      ensure(!(await this.read()).has(other), `${path} failed, and ${other} is to be seen`)
    }
  }
}

/** Fails the case unless what the outcomes say of the files is so, and nothing failed. */
async function checkArrived(place: Pick<StorePlace, 'read'>, files: Sent, received: Received): Promise<void> {
  const { outcomes, error } = received
  ensure(error === undefined, `the transfer ended with ${String(error)}`)
  const seen = await place.read()
  for (const [path, content] of Object.entries(files)) {
    const outcome = outcomes.get(path) ?? fail(`${path} has no outcome`)
    ensure(outcome.status !== 'failed', `${path} failed: ${String(outcome.error)}`)
    if (outcome.status === 'published') checkContent(seen, outcome.name ?? path, content)
  }
}

/** Fails the case unless this stands under the path; a store need not have folders. */
export function checkContent(
  seen: ReadonlyMap<string, PlacedContent>,
  path: string,
  content: PlacedContent,
): void {
  if (content === null) return
  const found = seen.get(path)
  ensure(found !== undefined && found !== null, `there is nothing under ${path}`)
  if (!isBytes(content)) {
    const target = isBytes(found) ? 'a file' : found.target
    ensure(target === content.target, `the link ${path} leads to ${target}, not to ${content.target}`)
    return
  }
  ensure(isBytes(found), `${path} is no file`)
  const are = `${path} has ${found.length} bytes, not the ${content.length} that were sent`
  ensure(found.length === content.length, are)
  ensure(Buffer.compare(found, content) === 0, `${path} has other bytes than those that were sent`)
}
