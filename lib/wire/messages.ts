import { SluiceError } from '../errors.js'
import { FrameType, frameHeader } from './frames.js'
import type { Limits } from './limits.js'
import type { Entry } from './manifest.js'
import { type Packed, pack, unpack } from './msgpack.js'

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
  name?: string
  code?: string
}

export interface Messages {
  offer: { id: string; name: string; algorithm: string; entries: number; bytes: number }
  entries: { entries: WireEntry[] }
  digests: { digests: DigestRecord[] }
  end: object
  hello: { version: number; agent: string; features: string[] }
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

/** How a message stands in a frame: its number, and each key of its map with what is allowed there. */
interface Shape {
  frame: number
  required: Record<string, Check>
  optional?: Record<string, Check>
}

type Check = (value: Packed, limits: Limits) => boolean

const integer =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
const text =
  (most: number | ((limits: Limits) => number), pattern = /^/): Check =>
  (value, limits) =>
    typeof value === 'string' &&
    Buffer.byteLength(value) <= (typeof most === 'number' ? most : most(limits)) &&
    pattern.test(value)
const boolean: Check = (value) => typeof value === 'boolean'
const binary: Check = (value) => value instanceof Uint8Array
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value)
const nothing: Check = (value) => value === null
const either =
  (...checks: Check[]): Check =>
  (value, limits) =>
    checks.some((check) => check(value, limits))
/** A list of at least one tuple; the parts behind `required` may be left out. */
const tuples =
  (required: number, ...parts: Check[]): Check =>
  (value, limits) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (tuple) =>
        Array.isArray(tuple) &&
        tuple.length >= required &&
        tuple.length <= parts.length &&
        tuple.every((part, i) => parts[i]!(part, limits)),
    )

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/
const count = integer(0)
const reason = text((limits) => limits.errorText)
const path = text((limits) => limits.path)
const code = text(64, CODE)

const TYPES = ['file', 'directory', 'symlink'] as const
const STATUSES = ['published', 'skipped', 'failed'] as const

const SHAPES: Record<keyof Messages, Shape> = {
  offer: {
    frame: FrameType.OFFER,
    required: {
      id: text(32, /^[0-9a-f]{32}$/),
      name: text(255),
      algorithm: text(64, /^[!-~]+$/),
      entries: count,
      bytes: count,
    },
  },
  entries: {
    frame: FrameType.ENTRIES,
    required: {
      // type, path, size, mtime, mode, target
      entries: tuples(
        5,
        integer(0, TYPES.length - 1),
        path,
        either(count, nothing),
        integer(Number.MIN_SAFE_INTEGER),
        integer(0, 0o7777),
        path,
      ),
    },
  },
  digests: {
    frame: FrameType.DIGESTS,
    // index, digest or failure, size
    required: { digests: tuples(2, count, either(binary, code), count) },
  },
  end: { frame: FrameType.END, required: {} },
  hello: {
    frame: FrameType.HELLO,
    required: {
      version: integer(1, 255),
      agent: text(255),
      features: (value) => Array.isArray(value) && value.length <= 64 && value.every((name) => FEATURE(name)),
    },
  },
  answer: {
    frame: FrameType.ANSWER,
    required: { offer: count, accept: boolean },
    optional: { reason, want: binary },
  },
  outcomes: {
    frame: FrameType.OUTCOMES,
    // index, status, name, code
    required: { outcomes: tuples(2, count, integer(0, STATUSES.length - 1), either(path, nothing), code) },
  },
  pause: { frame: FrameType.PAUSE, required: {} },
  resume: { frame: FrameType.RESUME, required: {} },
  cancel: { frame: FrameType.CANCEL, required: {}, optional: { reason } },
  ping: { frame: FrameType.PING, required: {} },
  result: {
    frame: FrameType.RESULT,
    required: {
      status: oneOf('completed', 'failed'),
      published: count,
      skipped: count,
      failed: count,
      bytes: count,
    },
  },
  error: { frame: FrameType.ERROR, required: { code, text: reason } },
}

function FEATURE(name: Packed): boolean {
  return typeof name === 'string' && /^[!-~]{1,64}$/.test(name)
}

const TYPE_OF_FRAME = new Map(
  Object.entries(SHAPES).map(([type, { frame }]) => [frame, type as keyof Messages]),
)

/** A message as a whole frame: header and payload. Texts for people are cut to what a peer takes. */
export function encodeMessage(message: Message): Buffer {
  const { type, ...map } = message
  const payload = pack(packed(message) ?? (map as { [key: string]: Packed }))
  return Buffer.concat([frameHeader(SHAPES[type].frame, payload.length), payload])
}

/** The messages whose maps are not sent as they are. */
function packed(message: Message): { [key: string]: Packed } | undefined {
  switch (message.type) {
    case 'entries':
      return {
        entries: message.entries.map(({ type, path, size, mtime, mode, target }) => [
          TYPES.indexOf(type),
          path,
          size,
          mtime,
          mode,
          ...(target === undefined ? [] : [target]),
        ]),
      }
    case 'digests':
      return {
        digests: message.digests.map(({ index, digest, failure, size }) => [
          index,
          digest ?? failure!,
          ...(size === undefined ? [] : [size]),
        ]),
      }
    case 'outcomes':
      return {
        outcomes: message.outcomes.map(({ index, status, name, code }) => {
          const tuple = [index, STATUSES.indexOf(status)]
          if (code !== undefined) return [...tuple, name ?? null, code]
          return name === undefined ? tuple : [...tuple, name]
        }),
      }
    case 'error':
      return { code: message.code, text: shortened(message.text) }
    case 'cancel':
      return message.reason === undefined ? {} : { reason: shortened(message.reason) }
    case 'answer':
      return message.reason === undefined
        ? undefined
        : { offer: message.offer, accept: message.accept, reason: shortened(message.reason) }
    default:
      return undefined
  }
}

/** At most 1,024 bytes of UTF-8, whole characters only, and no lone surrogate. */
function shortened(text: string): string {
  let cut = text.toWellFormed().slice(0, 1024)
  while (Buffer.byteLength(cut) > 1024) cut = cut.slice(0, -1)
  return cut.toWellFormed()
}

/**
 * The message in a payload, after a check of every part of it.
 * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
 */
export function decodeMessage(frameType: number, payload: Buffer, limits: Limits): Message {
  const type = TYPE_OF_FRAME.get(frameType)
  if (type === undefined) {
    throw new SluiceError(
      'ERR_PROTOCOL',
      `the peer sent a frame of the unknown type 0x${frameType.toString(16)}`,
    )
  }
  const map = unpack(payload, limits)
  const { required, optional = {} } = SHAPES[type]
  for (const key of Object.keys(required)) {
    if (!Object.hasOwn(map, key)) throw refuse(type, `without ${key}`)
  }
  for (const [key, value] of Object.entries(map)) {
    const check = Object.hasOwn(required, key)
      ? required[key]
      : Object.hasOwn(optional, key)
        ? optional[key]
        : undefined
    if (check === undefined) throw refuse(type, `with the unknown key ${key}`)
    if (!check(value, limits)) throw refuse(type, `with a bad ${key}`)
  }
  return unpacked(type, map)
}

function unpacked(type: keyof Messages, map: Record<string, Packed>): Message {
  switch (type) {
    case 'entries':
      return {
        type,
        entries: (map.entries as [number, string, number | null, number, number, string?][]).map(entryOf),
      }
    case 'digests':
      return {
        type,
        digests: (map.digests as [number, Uint8Array | string, number?][]).map(([index, said, size]) => ({
          index,
          ...(typeof said === 'string' ? { failure: said } : { digest: said }),
          ...(size === undefined ? {} : { size }),
        })),
      }
    case 'outcomes':
      return {
        type,
        outcomes: (map.outcomes as [number, number, (string | null)?, string?][]).map(
          ([index, status, name, code]) => ({
            index,
            status: STATUSES[status]!,
            ...(name == null ? {} : { name }),
            ...(code === undefined ? {} : { code }),
          }),
        ),
      }
    default:
      return { ...map, type } as unknown as Message
  }
}

function entryOf([type, path, size, mtime, mode, target]: [
  number,
  string,
  number | null,
  number,
  number,
  string?,
]): WireEntry {
  return { type: TYPES[type]!, path, size, mtime, mode, ...(target === undefined ? {} : { target }) }
}

function refuse(type: string, what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${type} ${what}`)
}
