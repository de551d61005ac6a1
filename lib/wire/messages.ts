import { SluiceError } from '../errors.js'
import { type BlockRuns, type PlanRecord, type PlanTuple, planRecordOf, planTuple } from './block-runs.js'
import {
  type EntryTuple,
  entryOf,
  entryTuple,
  type OfferEnd,
  type OfferMessage,
  type WireEntry,
} from './entry.js'
import { CHECK_BYTES, FrameType, frameHeader, isIntact, isTalk, seal } from './frames.js'
import { DEFAULT_LIMITS, type Limits, type PeerLimits } from './limits.js'
import { type Packed, pack, shortened, unpack } from './msgpack.js'
import { type OutcomeStatus, type OutcomeTuple, outcomeRecordOf, outcomeTuple } from './outcome.js'
import type { DigestColumn } from './run.js'
import { type DigestsMap, type MessageSchema, NAME_BYTES, SCHEMAS, STATUSES } from './schemas.js'

export type { PlanRecord }

/** Digests of consecutive blocks of one file. */
export interface BlocksMessage {
  index: number
  /** The first block. */
  first: number
  /** 32 bytes each. */
  digests: Buffer
}

/** Chunks of one file that follow each other. */
export interface ChunksMessage {
  index: number
  /** Where the first of them begins in the file. */
  offset: number
  /** As `packChunks` makes them. */
  chunks: Buffer
}

/** What a receiver asks of one file, again or at last: blocks to be sent or proved; neither: its digest. */
export interface WantMessage {
  index: number
  send?: BlockRuns
  prove?: BlockRuns
}

/** What a sender says that goes on with a transfer over another connection: which one, and that it is its own. */
export interface Resume {
  id: string
  /** 16 bytes that the receiver has said with its first answer. */
  secret: Buffer
}

/** What a receiver says of a lane: one of the further connections of a transfer. */
export interface LaneMessage {
  /** Its number. */
  lane: number
  /** Bytes of data that came over it, in all. */
  bytes: number
  /** It is closed, and nothing more of it is taken: what did not come has to come over another connection. */
  over?: true
}

/** What became of an entry. */
export interface OutcomeRecord {
  index: number
  status: OutcomeStatus
  /** The path under which it was published, where that is another one. */
  name?: string
  /** Why it was skipped or failed, or what did not go as asked although it was published. */
  code?: string
  /** What the code means here, for people. */
  text?: string
}

/** What is said of the files among consecutive entries. A slot of zeros without a failure says nothing of its entry. */
export interface DigestsMessage extends DigestColumn {
  /** Codes of the files that cannot be sent (to their end), by the index of the entry. Their slots are zero. */
  failures?: ReadonlyMap<number, string>
  /** Sizes that were not known before, by the index of the entry. */
  sizes?: ReadonlyMap<number, number>
}

/** What became of `count` entries from `first` on: `status` and `code` for all but those of `except`. */
export interface OutcomesMessage {
  first: number
  count: number
  status: OutcomeStatus
  code?: string
  /** Ascending by index. */
  except: OutcomeRecord[]
}

/** The messages of version 1 by their types; README.md has what each of them means. */
export interface Messages {
  offer: OfferMessage
  /** A page of entries; the last one of an offer has none, but its end. */
  entries: { entries: WireEntry[]; end?: OfferEnd }
  digests: DigestsMessage
  end: object
  blocks: BlocksMessage
  chunks: ChunksMessage
  hello: {
    version: number
    agent: string
    features: string[]
    limits?: PeerLimits
    resume?: Resume
    /** The connection becomes this lane of the transfer that `resume` names. */
    lane?: number
  }
  answer: { offer: number; accept: boolean; reason?: string; secret?: Buffer }
  plan: { first: number; plan: PlanRecord[] }
  outcomes: OutcomesMessage
  pause: object
  resume: object
  cancel: { reason?: string }
  ping: object
  result: {
    status: 'completed' | 'failed'
    published: number
    skipped: number
    failed: number
    bytes: number
  }
  error: { code: string; text: string }
  want: WantMessage
  lane: LaneMessage
}

/** Any message, with its type. */
export type Message = { [T in keyof Messages]: { type: T } & Messages[T] }[keyof Messages]

const TYPE_OF_FRAME = new Map<number, keyof Messages>(
  Object.entries(SCHEMAS).map(([type, { frame }]) => [frame, type as keyof Messages]),
)

/**
 * A message as a whole frame: header and payload. Texts for people are cut to what every peer takes; all else is
 * trusted to be in range.
 */
export function encodeMessage(message: Message): Buffer {
  const { frame } = SCHEMAS[message.type]
  const isChecked = isTalk(frame)
  const payload = pack(isChecked ? { ...packed(message), check: NO_CHECK } : packed(message))
  if (isChecked) seal(frame, payload)
  return Buffer.concat([frameHeader(frame, payload.length), payload])
}

/** In the place of the check, which is the last key of a message. */
const NO_CHECK = Buffer.alloc(CHECK_BYTES)

function packed(message: Message): { [key: string]: Packed | undefined } {
  switch (message.type) {
    case 'entries':
      return message.end ? { ...message.end } : { entries: message.entries.map(entryTuple) }
    case 'digests': {
      const { first, count, bytes, failures, sizes } = message
      return { first, count, digests: bytes, failures: pairsOf(failures), sizes: pairsOf(sizes) }
    }
    case 'plan':
      return { first: message.first, plan: message.plan.map(planTuple) }
    case 'outcomes': {
      const { first, count, status, code, except } = message
      const tuples = except.length === 0 ? undefined : except.map(outcomeTuple)
      return { first, count, status: STATUSES.indexOf(status), code, except: tuples }
    }
    default:
      return packedAsIs(message)
  }
}

/** Keys whose values are texts for people, and how many bytes of them every peer takes. */
const FOR_PEOPLE = new Map([
  ['name', NAME_BYTES],
  ['agent', NAME_BYTES],
  ['reason', DEFAULT_LIMITS.errorText],
  ['text', DEFAULT_LIMITS.errorText],
])

/** The keys that the schema has, in its order. */
function packedAsIs({ type, ...message }: Message): { [key: string]: Packed | undefined } {
  const values = message as Record<string, Packed | undefined>
  const { required, optional }: MessageSchema = SCHEMAS[type]
  const map: Record<string, Packed | undefined> = {}
  for (const key of Object.keys({ ...required, ...optional })) {
    const value = values[key]
    const most = FOR_PEOPLE.get(key)
    map[key] = most !== undefined && typeof value === 'string' ? shortened(value, most) : value
  }
  return map
}

/** Ascending by index; nothing instead of an empty list, which no message may hold. */
function pairsOf(map: ReadonlyMap<number, string | number> = new Map()): Packed[] | undefined {
  return map.size === 0 ? undefined : [...map].sort(([a], [b]) => a - b)
}

/**
 * Refuses frames of types that have no message. Called at the header, before the payload has come.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export function checkFrameType(frameType: number): void {
  if (frameType === FrameType.DATA || TYPE_OF_FRAME.has(frameType)) return
  const type = `0x${frameType.toString(16).padStart(2, '0')}`
  const text = `the peer sent a frame of the unknown type ${type}`
  throw new SluiceError('ERR_PROTOCOL', text, { found: frameType })
}

/**
 * The message in the payload of a frame, after a check of every part of it. It holds on to nothing of the payload.
 * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_CORRUPT` if it has a check that does not fit
 */
export function decodeMessage(frameType: number, payload: Buffer, limits: Limits): Message {
  const type = TYPE_OF_FRAME.get(frameType)
  if (type === undefined) {
    checkFrameType(frameType)
    throw new SluiceError('ERR_PROTOCOL', 'DATA is no message')
  }
  const { check, ...map } = unpack(payload, limits)
  if (check !== undefined) requireIntact(type, payload)
  const { required, optional = {}, together }: MessageSchema = SCHEMAS[type]
  for (const key of Object.keys(required)) {
    if (!Object.hasOwn(map, key)) throw refuse(type, `without ${key}`)
  }
  for (const [key, value] of Object.entries(map)) {
    const keys = Object.hasOwn(required, key) ? required : optional
    // An unknown key is not ignored: what would change the meaning must be agreed as a feature first.
    if (!Object.hasOwn(keys, key)) throw refuse(type, `with the unknown key ${key}`)
    if (!keys[key]!(value, limits)) throw refuse(type, `with a bad ${key}`)
  }
  const fault = together?.(map, limits)
  if (fault !== undefined) throw refuse(type, fault)
  return unpacked(type, map)
}

/** The message of a map whose shape was checked. */
function unpacked(type: keyof Messages, map: Record<string, unknown>): Message {
  switch (type) {
    case 'entries': {
      const { entries, ...end } = map as { entries: EntryTuple[] } | ({ entries?: undefined } & OfferEnd)
      if (entries) return { type, entries: entries.map(entryOf) }
      const { count, bytes, digest } = end as OfferEnd
      // the digest may be a view of what was received
      return { type, entries: [], end: { count, bytes, digest: Buffer.from(digest) } }
    }
    case 'digests': {
      const { first, count, digests: bytes, failures, sizes } = map as DigestsMap
      const message: Messages['digests'] = { first, count, bytes }
      if (failures) message.failures = new Map(failures)
      if (sizes) message.sizes = new Map(sizes)
      return { type, ...message }
    }
    case 'plan': {
      const { first, plan } = map as { first: number; plan: PlanTuple[] }
      return { type, first, plan: plan.map(planRecordOf) }
    }
    case 'outcomes': {
      const { status, except = [], ...rest } = map as OutcomesMap
      return { type, ...rest, status: STATUSES[status]!, except: except.map(outcomeRecordOf) }
    }
    default:
      return { ...map, type } as Message
  }
}

type OutcomesMap = {
  first: number
  count: number
  status: number
  code?: string
  except?: OutcomeTuple[]
}

function requireIntact(type: keyof Messages, payload: Buffer): void {
  const { frame } = SCHEMAS[type]
  if (!isTalk(frame)) throw refuse(type, 'with the unknown key check')
  if (isIntact(frame, payload)) return
  const text = `${type}, which the peer said, changed on its way: it does not match its check; run it again`
  throw new SluiceError('ERR_CORRUPT', text)
}

function refuse(type: string, what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${type} ${what}`)
}
