import type { Owner } from '../own/owner.js'
import {
  decodeSealed,
  encodeSealed,
  hasShape,
  isNumber,
  isOwner,
  isText,
  listOf,
  maybe,
  oneOf,
  type RecordShape,
} from '../own/record.js'
import type { Durability } from '../publish/publish.js'

/** The change of one path, with all that is needed to do it, to see whether it was done, and to undo it. */
export interface IntentAction {
  /** Below the folder of the transaction, with `/`. */
  path: string
  /** The temporary path of the new file; missing if the path is removed. */
  temporary?: string
  /** SHA-256 of the new content, hexadecimal. */
  digest?: string
  /** SHA-256 of the old content; missing if there was no file. */
  old?: string
  /** The temporary path of the old file. */
  backup?: string
}

/** The durable record of a transaction, from the moment when it is prepared to its end. */
export interface Intent {
  id: string
  owner: Owner
  durability: Durability
  /** Milliseconds since 1970. */
  time: number
  /** Folders to make, the outer ones first. */
  folders: string[]
  /** In the order in which they are applied. */
  actions: IntentAction[]
}

const INTENT_VERSION = 1
const INTENT_TITLE = 'sluice-intent'

/** The bytes of an intent. */
export function encodeIntent(intent: Intent): Buffer {
  return encodeSealed(INTENT_TITLE, { version: INTENT_VERSION, ...intent })
}

/** The intent in `bytes`; undefined if they are damaged, of another version, or anything else. */
export function decodeIntent(bytes: Buffer): Intent | undefined {
  const found = decodeSealed(INTENT_TITLE, bytes)
  return hasShape(found, INTENT_SHAPE) ? (found as unknown as Intent) : undefined
}

const ACTION_SHAPE: RecordShape = {
  path: isText,
  temporary: maybe(isText),
  digest: maybe(isText),
  old: maybe(isText),
  backup: maybe(isText),
}

function isAction(value: unknown): boolean {
  if (!hasShape(value, ACTION_SHAPE)) return false
  const { temporary, digest, old, backup } = value
  return (
    (temporary === undefined) === (digest === undefined) &&
    (old === undefined) === (backup === undefined) &&
    (temporary !== undefined || old !== undefined)
  )
}

const INTENT_SHAPE: RecordShape = {
  version: oneOf(INTENT_VERSION),
  id: isText,
  owner: isOwner,
  durability: oneOf('crash', 'power'),
  time: isNumber,
  folders: listOf(isText),
  actions: listOf(isAction),
}
