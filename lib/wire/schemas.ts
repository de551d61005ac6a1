import { MOST_BLOCKS } from '../digest/blocks.js'
import { SluiceError } from '../errors.js'
import { isBytes } from '../options.js'
import { faultOfBlocks, isBlockRuns, isPlanTuple, PLAN_KINDS, type PlanTuple } from './block-runs.js'
import { faultOfChunks } from './chunk-records.js'
import { FrameType } from './frames.js'
import { type Limits, TOLD_LIMITS } from './limits.js'
import type { Packed } from './msgpack.js'
import type { OutcomeStatus } from './outcome.js'

/** How a message stands in a frame: its number, and each key of its map with what is allowed there. */
export interface MessageSchema {
  frame: number
  required: Record<string, Check>
  optional?: Record<string, Check>
  /** Checks what concerns several keys at once, when each is right by itself: gives what is wrong. */
  together?: (map: Record<string, Packed>, limits: Limits) => string | undefined
}

type Check = (value: Packed, limits: Limits) => boolean

/** Words that stand in a message as a number: their place in these lists. */
export const ENTRY_TYPES = ['file', 'directory', 'symlink', 'unreadable'] as const
/** In the place of the type of a file that can be read only once. */
export const FILE_ONCE = ENTRY_TYPES.length
export const STATUSES: readonly OutcomeStatus[] = ['published', 'skipped', 'failed']

/** UTF-8 bytes of a name for people: that of an offer, of an agent. */
export const NAME_BYTES = 255

/** Bytes of the digest of an offer, by SHA-256. */
const OFFER_DIGEST_LENGTH = 32
/** Bytes of the longest digest that there is. */
const DIGEST_BYTES = 64
const FEATURES = 64
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/
const WORD = /^[!-~]{1,64}$/
const ID = /^[0-9a-f]{32}$/

const integer =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most

const text =
  (most: (limits: Limits) => number): Check =>
  (value, limits) =>
    typeof value === 'string' && fits(value, most(limits))

/** A UTF-16 unit takes 3 bytes of UTF-8 at most, so that those of a short text need not be counted. */
const fits = (value: string, most: number) =>
  value.length <= most && (value.length * 3 <= most || Buffer.byteLength(value) <= most)

const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value)

const orNull =
  (check: Check): Check =>
  (value, limits) =>
    value === null || check(value, limits)

/** A list of at least one tuple; the parts behind `required` may be left out. Errors name the item. */
const tuples =
  (required: number, ...parts: Check[]): Check =>
  (value, limits) => {
    if (!Array.isArray(value) || value.length === 0) return false
    // plain loops: a manifest has millions of parts
    for (let number = 0; number < value.length; number++) {
      const tuple = value[number]
      if (!Array.isArray(tuple) || tuple.length < required || tuple.length > parts.length) {
        const count = required === parts.length ? required : `${required} to ${parts.length}`
        throw bad(`item ${number} is not a list of ${count} parts`)
      }
      for (let i = 0; i < tuple.length; i++)
        if (!parts[i]!(tuple[i]!, limits)) throw bad(`part ${i} of item ${number} is not what belongs there`)
    }
    return true
  }

function bad(what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent a bad list: ${what}`)
}

const positive = integer(1)
const count = integer(0)
const bytes: Check = (value) => isBytes(value) && value.length > 0
const isTrue: Check = (value) => value === true
const isMap = (value: Packed): value is { [key: string]: Packed } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value)
const peerLimits: Check = (value, limits) =>
  isMap(value) &&
  Object.entries(value).every(
    ([key, number]) => (TOLD_LIMITS as readonly string[]).includes(key) && positive(number, limits),
  )
const ofLength =
  (length: number): Check =>
  (value) =>
    isBytes(value) && value.length === length
const secret = ofLength(16)
const resume: Check = (value, limits) =>
  isMap(value) &&
  Object.keys(value).length === 2 &&
  matching(ID)(value.id ?? null, limits) &&
  secret(value.secret ?? null, limits)
const reason = text((limits) => limits.errorText)
const name = text(() => NAME_BYTES)
/** Paths are checked by the manifest, which can say whose they are. The limit of a message bounds them here. */
const path: Check = (value) => typeof value === 'string'
const shortPath = text((limits) => limits.path)
const code = matching(CODE)
const word = matching(WORD)
const status = integer(0, STATUSES.length - 1)
const planKind = integer(0, PLAN_KINDS.length - 1)

/** A tuple that begins with the index of an entry. */
type Indexed = [index: number, ...rest: Packed[]]

/** Checks that the indices ascend, none of them twice, within the range of `count` entries from `first` on. */
function faultOfIndices(first: number, count: number, list: readonly Indexed[]): string | undefined {
  let least = first
  for (const [index] of list) {
    if (index < first || index >= first + count)
      return `about entry ${index}, which is not among ${count} from ${first} on`
    if (index < least) return `with entry ${index} twice, or not in order`
    least = index + 1
  }
  return undefined
}

function faultOfRange(first: number, count: number): string | undefined {
  return Number.isSafeInteger(first + count) ? undefined : 'with entries beyond 2^53'
}

/** A range takes a few bytes, however long it is: what it costs whoever hears it must be bounded, too. */
function checkLength(count: number, { list }: Limits): void {
  if (count <= list) return
  const text = `the peer said something of ${count} entries at once; at most ${list} are taken`
  throw new SluiceError('ERR_LIMIT', text, { expected: list, found: count })
}

/** A page has entries or, the last one, what ends the offer; what is unreadable says why. */
function faultOfEntries(map: Record<string, Packed>): string | undefined {
  const ends = ['count', 'bytes', 'digest'].filter((key) => Object.hasOwn(map, key))
  if (ends.length !== (Object.hasOwn(map, 'entries') ? 0 : 3))
    return 'without either entries or the end of an offer'
  const entries = (map.entries ?? []) as [type: number, path: string, ...rest: Packed[]][]
  const isFit = ([type, , , , , code]: (typeof entries)[number]) =>
    ENTRY_TYPES[type] !== 'unreadable' || (typeof code === 'string' && CODE.test(code))
  return entries.every(isFit) ? undefined : 'with something unreadable that has no code'
}

function faultOfPlan(map: Record<string, Packed>, limits: Limits): string | undefined {
  const { first, plan } = map as { first: number; plan: PlanTuple[] }
  if (!plan.every(isPlanTuple)) return 'with a record that is none of its kind'
  const count = plan.reduce((sum, [some]) => sum + some, 0)
  checkLength(count, limits)
  return faultOfRange(first, count)
}

function faultOfDigests(map: Record<string, Packed>): string | undefined {
  const { first, count, digests, failures = [], sizes = [] } = map as DigestsMap
  const length = digests.length / count
  if (!Number.isInteger(length) || length > DIGEST_BYTES)
    return `with ${digests.length} bytes for the digests of ${count} entries`
  const fault =
    faultOfRange(first, count) ??
    faultOfIndices(first, count, failures) ??
    faultOfIndices(first, count, sizes)
  if (fault !== undefined) return fault
  const failed = new Set(failures.map(([index]) => index))
  for (const index of failed) {
    const at = (index - first) * length
    if (digests.subarray(at, at + length).some((byte) => byte !== 0))
      return `with a digest and a failure of entry ${index}`
  }
  const both = sizes.find(([index]) => failed.has(index))
  return both && `with a size and a failure of entry ${both[0]}`
}

function faultOfOutcomes(map: Record<string, Packed>, limits: Limits): string | undefined {
  const { first, count, except = [] } = map as { first: number; count: number; except?: Indexed[] }
  checkLength(count, limits)
  return faultOfRange(first, count) ?? faultOfIndices(first, count, except)
}

/** DIGESTS as it stands in a payload. */
export interface DigestsMap extends Record<string, Packed | undefined> {
  first: number
  count: number
  digests: Buffer
  failures?: [index: number, code: string][]
  sizes?: [index: number, size: number][]
}

/** Every message of version 1. */
export const SCHEMAS = {
  offer: {
    frame: FrameType.OFFER,
    required: { id: matching(ID), name, algorithm: word },
    optional: { open: isTrue },
  },
  entries: {
    frame: FrameType.ENTRIES,
    required: {},
    optional: {
      // type, path, size, mtime, mode, target or code
      entries: tuples(
        5,
        integer(0, FILE_ONCE),
        path,
        orNull(count),
        integer(Number.MIN_SAFE_INTEGER),
        orNull(integer(0, 0o7777)),
        path,
      ),
      count,
      bytes: count,
      digest: ofLength(OFFER_DIGEST_LENGTH),
    },
    together: faultOfEntries,
  },
  digests: {
    frame: FrameType.DIGESTS,
    required: { first: count, count: positive, digests: bytes },
    // index and code; index and size
    optional: { failures: tuples(2, count, code), sizes: tuples(2, count, count) },
    together: faultOfDigests,
  },
  end: { frame: FrameType.END, required: {} },
  blocks: {
    frame: FrameType.BLOCKS,
    required: { index: count, first: integer(0, MOST_BLOCKS - 1), digests: bytes },
    together: ({ first, digests }) => faultOfBlocks(first as number, digests as Buffer),
  },
  chunks: {
    frame: FrameType.CHUNKS,
    required: { index: count, offset: count, chunks: bytes },
    together: ({ offset, chunks }) => faultOfChunks(offset as number, chunks as Buffer),
  },
  hello: {
    frame: FrameType.HELLO,
    required: {
      version: integer(1, 255),
      agent: name,
      features: (value, limits) =>
        Array.isArray(value) && value.length <= FEATURES && value.every((feature) => word(feature, limits)),
    },
    optional: { limits: peerLimits, resume, lane: positive },
    together: ({ resume: proof, lane }) =>
      lane !== undefined && proof === undefined ? 'of a lane without a proof' : undefined,
  },
  answer: {
    frame: FrameType.ANSWER,
    required: { offer: count, accept: (value) => typeof value === 'boolean' },
    optional: { reason, secret },
    together: ({ accept, reason: why, secret: proof }) =>
      (accept ? why : proof) === undefined ? undefined : `that ${accept ? 'accepts' : 'rejects'}, with more`,
  },
  plan: {
    frame: FrameType.PLAN,
    // count, kind, runs of blocks
    required: { first: count, plan: tuples(2, positive, planKind, isBlockRuns) },
    together: faultOfPlan,
  },
  outcomes: {
    frame: FrameType.OUTCOMES,
    required: { first: count, count: positive, status },
    // index, status, name, code, text
    optional: { code, except: tuples(2, count, status, orNull(shortPath), code, reason) },
    together: faultOfOutcomes,
  },
  pause: { frame: FrameType.PAUSE, required: {} },
  resume: { frame: FrameType.RESUME, required: {} },
  cancel: { frame: FrameType.CANCEL, required: {}, optional: { reason } },
  ping: { frame: FrameType.PING, required: {} },
  result: {
    frame: FrameType.RESULT,
    required: {
      status: (value) => value === 'completed' || value === 'failed',
      published: count,
      skipped: count,
      failed: count,
      bytes: count,
    },
  },
  error: { frame: FrameType.ERROR, required: { code, text: reason } },
  want: {
    frame: FrameType.WANT,
    required: { index: count },
    optional: { send: isBlockRuns, prove: isBlockRuns },
  },
  lane: {
    frame: FrameType.LANE,
    required: { lane: positive, bytes: count },
    optional: { over: isTrue },
  },
} satisfies Record<string, MessageSchema>
