import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { SluiceError } from '../../errors.js'
import type { FileSystem } from '../disk/fs.js'
import { nameOf, parentOf } from '../disk/names.js'
import { isOwnFolderName, isStagedName } from '../own/names.js'
import type { Owner } from '../own/owner.js'
import {
  encodeSealed,
  hasShape,
  isCount,
  isDigest,
  isNumber,
  isOwner,
  isText,
  isUserPath,
  listOf,
  maybe,
  oneOf,
  type RecordShape,
} from '../own/record.js'
import { readSealed } from '../own/sealed-file.js'
import { temporaryName } from '../own/temporary-name.js'
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

/** What a folder that was copied or moved is to have in the end, as the one that it was. */
export interface FolderRights {
  path: string
  mode: number
  /** The access list that the folder had, which the new one has not: see `keptMode`. */
  accessList?: string
  /** Of a folder that was moved. */
  owner?: { uid: number; gid: number }
}

/** What is whole already in a staged folder of ours, and gets its name by one step, whatever is in it. */
export interface Adopted {
  /** Below the folder of the transaction, with `/`. The folder that it is in is there. */
  path: string
  /** Where it stands. */
  from: string
  /** What it is: a number of the disk, in decimal digits. */
  ino: string
  /** The file or link that makes room for it; missing if nothing has the path. */
  old?: string
  /** A second name of that, beside it. */
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
  /** Of folders that it makes. */
  rights?: FolderRights[]
  /** Folders that go in the end, the inner ones first, if they are empty then. */
  emptied?: string[]
  /** In the order in which they are applied. */
  actions: IntentAction[]
  /** What gets its name behind all of these. */
  adopted?: Adopted[]
}

/**
 * Version 2 also says the rights of folders and which go, version 3 what is adopted, version 4
 * the access lists of folders: who does not know of these would
 * leave them out. Older ones are still read.
 */
const INTENT_VERSION = 4
const INTENT_TITLE = 'sluice-intent'

/** The prefix of the temporary names of transactions. */
const TRANSACTION_PREFIX = 'transaction'

/** A new temporary path for a transaction of `owner`, in `folder`. */
export function transactionPath(owner: Owner, folder: string): string {
  const whose = { ...owner, token: randomBytes(8).toString('hex') }
  const name = temporaryName({ prefix: TRANSACTION_PREFIX, owner: whose })
  return folder === '' ? name : `${folder}/${name}`
}

/** The bytes of an intent. */
export function encodeIntent(intent: Intent): Buffer {
  return encodeSealed(INTENT_TITLE, { version: INTENT_VERSION, ...intent })
}

/**
 * The intent in the file at `path`; undefined if it is damaged, or anything else. `ERR_TRANSACTION` for one of a later
 * version: it may say what we do not know of.
 */
export async function readIntent(fs: FileSystem, path: string): Promise<Intent | undefined> {
  const found = await readSealed(fs, path, INTENT_TITLE)
  if (hasShape(found, { version: isCount }) && (found.version as number) > INTENT_VERSION) {
    const name = basename(path)
    const message = `the intent ${name} was written by a newer Sluice (version ${found.version}): recover it with that one; nothing was touched`
    throw new SluiceError('ERR_TRANSACTION', message, { path: name, found: found.version })
  }
  return isIntent(found) ? found : undefined
}

/**
 * Whether the value is an intent, and names nothing but what an intent may name. A recovery moves and removes what it
 * names as temporary files: these must be called exactly as its own transaction calls them, and stand where it puts
 * them.
 */
export function isIntent(value: unknown): value is Intent {
  if (!hasShape(value, INTENT_SHAPE)) return false
  const { owner, actions, folders, rights = [], adopted = [] } = value as unknown as Intent
  const made = new Set(folders)
  if (!rights.every(({ path }) => made.has(path))) return false
  const isBeside = (path: string, backup: string) =>
    isItsTemporary(backup, owner) && parentOf(backup) === parentOf(path)
  if (!adopted.every(({ path, backup }) => backup === undefined || isBeside(path, backup))) return false
  return actions.every(({ path, temporary, backup }) => {
    const home = parentOf(path)
    const isBackup = backup === undefined || isBeside(path, backup)
    if (temporary === undefined || !isBackup) return isBackup
    // the folder of the path may not exist yet: then it stands in one above
    return isItsTemporary(temporary, owner) && `${home}/`.startsWith(folderPrefix(parentOf(temporary)))
  })
}

/** Whether {@link transactionPath} made the path. */
function isItsTemporary(path: string, owner: Owner): boolean {
  const name = nameOf(path)
  const token = /-([0-9a-f]{16})\.sluice-tmp$/.exec(name)?.[1]
  return (
    token !== undefined && name === temporaryName({ prefix: TRANSACTION_PREFIX, owner: { ...owner, token } })
  )
}

/** What the paths below a folder begin with. */
function folderPrefix(folder: string): string {
  return folder === '' ? '' : `${folder}/`
}

const ACTION_SHAPE: RecordShape = {
  path: isUserPath,
  temporary: maybe(isText),
  digest: maybe(isDigest),
  old: maybe(isDigest),
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

const ADOPTED_SHAPE: RecordShape = {
  path: isUserPath,
  from: isStagedPath,
  ino: isDigits,
  old: maybe(isDigits),
  backup: maybe(isText),
}

/** Whether it is an adoption; with a backup if, and only if, something makes room. */
function isAdopted(value: unknown): boolean {
  return hasShape(value, ADOPTED_SHAPE) && (value.old === undefined) === (value.backup === undefined)
}

function isDigits(value: unknown): boolean {
  return isText(value) && /^\d{1,20}$/.test(value)
}

/** Whether the value is a path in a staged folder of ours. */
export function isStagedPath(value: unknown): boolean {
  if (!isText(value)) return false
  const [ours = '', staged = '', ...names] = value.split('/')
  return isOwnFolderName(ours) && isStagedName(staged) && isUserPath(names.join('/'))
}

const RIGHTS_SHAPE: RecordShape = {
  path: isUserPath,
  mode: (value) => isCount(value) && (value as number) <= 0o3777,
  accessList: maybe(isText),
  owner: maybe((value) => hasShape(value, { uid: isCount, gid: isCount })),
}

const INTENT_SHAPE: RecordShape = {
  version: oneOf(1, 2, 3, INTENT_VERSION),
  id: isText,
  owner: isOwner,
  durability: oneOf('crash', 'power'),
  time: isNumber,
  folders: listOf(isUserPath),
  rights: maybe(listOf((value) => hasShape(value, RIGHTS_SHAPE))),
  emptied: maybe(listOf(isUserPath)),
  actions: listOf(isAction),
  adopted: maybe(listOf(isAdopted)),
}
