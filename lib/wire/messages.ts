import { SluiceError } from '../errors.js'
import { FrameType, frameHeader } from './frames.js'
import { DEFAULT_LIMITS, type Limits, type PeerLimits } from './limits.js'
import type { Entry } from './manifest.js'
import { type Packed, pack, unpack } from './msgpack.js'
import { ENTRY_TYPES, NAME_BYTES, SHAPES, type Shape, STATUSES } from './shapes.js'

/** An entry as it is sent: without what both sides compute. */
export type WireEntry = Pick<Entry, 'type' | 'path' | 'size' | 'mtime' | 'mode' | 'target'>

/** What is said of a file that ended: a digest or a failure, and the size where it was not known. */
export interface DigestRecord {
  index: number
  digest?: Uint8Array
  failure?: string
  size?: number
}

/** What became of an entry. */
export interface OutcomeRecord {
  index: number
  status: 'published' | 'skipped' | 'failed'
  /** The path under which it was published, where that is another one. */
  name?: string
  code?: string
}

/** The messages of version 1 by their types; README.md has what each of them means. */
export interface Messages {
  offer: { id: string; name: string; algorithm: string; entries: number; bytes: number }
  entries: { entries: WireEntry[] }
  digests: { digests: DigestRecord[] }
  end: object
  hello: { version: number; agent: string; features: string[]; limits?: PeerLimits }
  answer: { offer: number; accept: boolean; reason?: string; want?: Uint8Array }
  outcomes: { outcomes: OutcomeRecord[] }
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
}

/** Any message, with its type. */
export type Message = { [T in keyof Messages]: { type: T } & Messages[T] }[keyof Messages]

const TYPE_OF_FRAME = new Map<number, keyof Messages>(
  Object.entries(SHAPES).map(([type, { frame }]) => [frame, type as keyof Messages]),
)

/**
 * A message as a whole frame: header and payload. Texts for people are cut to what every peer takes; all else is
 * trusted to be in range.
 */
export function encodeMessage(message: Message): Buffer {
  const payload = pack(packed(message))
  return Buffer.concat([frameHeader(SHAPES[message.type].frame, payload.length), payload])
}

function packed(message: Message): { [key: string]: Packed | undefined } {
  switch (message.type) {
    case 'offer': {
      const { id, name, algorithm, entries, bytes } = message
      return { id, name: shortened(name, NAME_BYTES), algorithm, entries, bytes }
    }
    case 'entries':
      return { entries: message.entries.map(entryTuple) }
    case 'digests':
      return { digests: message.digests.map(digestTuple) }
    case 'outcomes':
      return { outcomes: message.outcomes.map(outcomeTuple) }
    case 'hello': {
      const { version, agent, features, limits } = message
      return { version, agent: shortened(agent, NAME_BYTES), features, limits }
    }
    case 'answer': {
      const { offer, accept, reason, want } = message
      return { offer, accept, reason: reason === undefined ? undefined : shortened(reason), want }
    }
    case 'cancel':
      return message.reason === undefined ? {} : { reason: shortened(message.reason) }
    case 'result': {
      const { status, published, skipped, failed, bytes } = message
      return { status, published, skipped, failed, bytes }
    }
    case 'error':
      return { code: message.code, text: shortened(message.text) }
    default:
      return {}
  }
}

const utf8 = new TextEncoder()
const room = Buffer.alloc(DEFAULT_LIMITS.errorText)

/** As many whole characters as `bytes` of UTF-8 hold; lone surrogates are replaced. */
function shortened(text: string, bytes = room.length): string {
  const { written } = utf8.encodeInto(text, room.subarray(0, bytes))
  return room.toString('utf8', 0, written)
}

function entryTuple({ type, path, size, mtime, mode, target }: WireEntry): Packed[] {
  const tuple: Packed[] = [ENTRY_TYPES.indexOf(type), path, size, mtime, mode]
  if (target !== undefined) tuple.push(target)
  return tuple
}

function digestTuple({ index, digest, failure, size }: DigestRecord): Packed[] {
  const tuple: Packed[] = [index, digest ?? failure!]
  if (size !== undefined) tuple.push(size)
  return tuple
}

function outcomeTuple({ index, status, name, code }: OutcomeRecord): Packed[] {
  const tuple: Packed[] = [index, STATUSES.indexOf(status)]
  if (name !== undefined || code !== undefined) tuple.push(name ?? null)
  if (code !== undefined) tuple.push(code)
  return tuple
}

/**
 * Refuses frames of types that have no message: to be asked before a payload is waited for.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export function checkFrameType(frameType: number): void {
  if (frameType === FrameType.DATA || TYPE_OF_FRAME.has(frameType)) return
  const type = `0x${frameType.toString(16).padStart(2, '0')}`
  throw new SluiceError(
    'ERR_PROTOCOL',
    frameType === FrameType.SIGNATURE
      ? `the peer sent a frame of type ${type} (SIGNATURE), which version 1 only reserves`
      : `the peer sent a frame of the unknown type ${type}`,
    { found: frameType },
  )
}

/**
 * The message in the payload of a frame, after a check of every part of it. It holds on to nothing of the payload.
 * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
 */
export function decodeMessage(frameType: number, payload: Buffer, limits: Limits): Message {
  const type = TYPE_OF_FRAME.get(frameType)
  if (type === undefined) {
    checkFrameType(frameType)
    throw new SluiceError('ERR_PROTOCOL', 'DATA is no message')
  }
  const map = unpack(payload, limits)
  const { required, optional = {}, together }: Shape = SHAPES[type]
  for (const key of Object.keys(required)) {
    if (!Object.hasOwn(map, key)) throw refuse(type, `without ${key}`)
  }
  for (const [key, value] of Object.entries(map)) {
    const keys = Object.hasOwn(required, key) ? required : optional
    // An unknown key is not ignored: what would change the meaning must be agreed as a feature first.
    if (!Object.hasOwn(keys, key)) throw refuse(type, `with the unknown key ${key}`)
    if (!keys[key]!(value, limits)) throw refuse(type, `with a bad ${key}`)
  }
  const fault = together?.(map)
  if (fault !== undefined) throw refuse(type, fault)
  return unpacked(type, map)
}

/** Trusts the map: its shape was checked. */
function unpacked(type: keyof Messages, map: Record<string, unknown>): Message {
  switch (type) {
    case 'entries':
      return { type, entries: (map.entries as EntryTuple[]).map(entryOf) }
    case 'digests':
      return { type, digests: (map.digests as DigestTuple[]).map(digestOf) }
    case 'outcomes':
      return { type, outcomes: (map.outcomes as OutcomeTuple[]).map(outcomeOf) }
    default:
      return { ...map, type } as Message
  }
}

type EntryTuple = [type: number, path: string, size: number | null, mtime: number, mode: number, to?: string]
type DigestTuple = [index: number, said: Uint8Array | string, size?: number]
type OutcomeTuple = [index: number, status: number, name?: string | null, code?: string]

function entryOf([type, path, size, mtime, mode, target]: EntryTuple): WireEntry {
  const entry: WireEntry = { type: ENTRY_TYPES[type]!, path, size, mtime, mode }
  if (target !== undefined) entry.target = target
  return entry
}

function digestOf([index, said, size]: DigestTuple): DigestRecord {
  const record: DigestRecord = typeof said === 'string' ? { index, failure: said } : { index, digest: said }
  if (size !== undefined) record.size = size
  return record
}

function outcomeOf([index, status, name, code]: OutcomeTuple): OutcomeRecord {
  const record: OutcomeRecord = { index, status: STATUSES[status]! }
  if (name != null) record.name = name
  if (code !== undefined) record.code = code
  return record
}

function refuse(type: string, what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${type} ${what}`)
}
