import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { isSluiceError, printable, SluiceError } from '../errors.js'
import { writeFileAtomic } from '../files/atomic/write-file.js'
import { diskError } from '../files/disk/disk-error.js'
import type { FileSystem } from '../files/disk/fs.js'
import { inside } from '../files/disk/names.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import { withRegular } from '../files/disk/open-regular.js'
import { readFully } from '../files/disk/read-write.js'
import { ifThere } from '../files/disk/stats.js'
import { checkKeys, checkOption, isBytes } from '../options.js'
import { checkPrivate, HOME_OPTIONS, type HomeOptions, homeFolder } from './home.js'
import { KEY_LENGTH, sameKey } from './keys.js'

/** Who a user is to peers: a key pair of Ed25519. Whoever has the secret key is that user. */
export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes: the seed, then the public key, as libsodium has it. */
  readonly secretKey: Uint8Array
}

/** The file in the home folder: one key as JSON Web Key, as RFC 8037 has it for Ed25519. */
const FILE = 'identity.json'
/** Bytes. */
const LARGEST_FILE = 4096

/**
 * The identity of the user who runs, kept in the file `identity.json` of the configuration folder. At first use it is
 * made: the folder with mode 0700, the file with 0600; processes that start at once agree on one.
 *
 * Fails with `ERR_PERMISSION` if the file belongs to another user, or others can read or write it, or write to its
 * folder; with `ERR_UNSAFE_LINK` if it is a link, `ERR_PARSE` if what stands in it is no key, or its two halves do not
 * belong together; and with the codes of disk failures. It is never replaced.
 */
export async function identity(options: HomeOptions = {}): Promise<Identity> {
  const found = await existingIdentity(options)
  if (found) return found
  const { fs = nodeFileSystem } = options
  const path = inside(await homeFolder(options, true), FILE)
  await makeIdentity(fs, path)
  const made = await readIdentity(fs, path)
  if (made) return made
  throw new SluiceError('ERR_WRITE', `somebody removed ${printable(path)} as soon as it was made`, { path })
}

/** The same, but none is made: undefined if there is none. */
export async function existingIdentity(options: HomeOptions = {}): Promise<Identity | undefined> {
  checkKeys('options', options, HOME_OPTIONS)
  return readIdentity(options.fs ?? nodeFileSystem, inside(await homeFolder(options, false), FILE))
}

async function makeIdentity(fs: FileSystem, path: string): Promise<void> {
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  try {
    await writeFileAtomic(path, `${JSON.stringify(key)}\n`, { fs, mode: 0o600, conflict: 'fail' })
  } catch (error) {
    // another process was faster: its key is the one
    if (!isSluiceError(error, 'ERR_CONFLICT')) throw error
  }
}

async function readIdentity(fs: FileSystem, path: string): Promise<Identity | undefined> {
  try {
    const text = await ifThere(
      withRegular(fs, path, async (fd, stats) => {
        checkPrivate(fs, path, stats, 0o077, 'others can read or write it')
        const bytes = Buffer.alloc(LARGEST_FILE + 1)
        return bytes.toString('utf8', 0, await readFully(fs, fd, bytes, 0))
      }),
    )
    return text === undefined ? undefined : parseIdentity(text, path)
  } catch (error) {
    throw diskError(error, 'read', path)
  }
}

function parseIdentity(text: string, path: string): Identity {
  const damaged = (what: string) => {
    // neither the text nor a cause: they have the secret in them
    const message = `${printable(path)} ${what}; put back a copy of it, or remove it, and a new identity is made`
    return new SluiceError('ERR_PARSE', message, { path, saysPath: true })
  }
  if (text.length > LARGEST_FILE) throw damaged('is too large for a key')
  let key: Record<'kty' | 'crv' | 'x' | 'd', unknown>
  try {
    key = Object(JSON.parse(text))
  } catch {
    throw damaged('is no key')
  }
  const { kty, crv, x, d } = key
  const [publicKey, seed] = [x, d].map((half) => Buffer.from(String(half), 'base64url'))
  const isOfKind = kty === 'OKP' && crv === 'Ed25519'
  if (!isOfKind || publicKey?.length !== KEY_LENGTH || seed?.length !== KEY_LENGTH)
    throw damaged('is no key of Ed25519')
  if (!sameKey(publicKeyOf(privateKey(seed)), publicKey))
    throw damaged('has a public key that is not that of its secret key')
  // not in the memory that small buffers share
  const secretKey = new Uint8Array(2 * KEY_LENGTH)
  secretKey.set(seed)
  secretKey.set(publicKey, KEY_LENGTH)
  return { publicKey: Uint8Array.from(publicKey), secretKey }
}

/** What stands before the seed of a key of Ed25519 in PKCS #8 (RFC 8410). */
const BEFORE_SEED = Buffer.from('302e020100300506032b657004220420', 'hex')

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([BEFORE_SEED, seed]) })
}

/** What the system makes of the secret key alone. */
function publicKeyOf(key: KeyObject): Uint8Array {
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url')
}

/**
 * The signature of these bytes by Ed25519 (RFC 8032), 64 bytes; `isSignedBy` checks it. What is signed should begin
 * with something that tells what it is, so that it means nothing anywhere else.
 */
export function signed({ secretKey }: Identity, bytes: Uint8Array): Uint8Array {
  const isRight = isBytes(secretKey) && secretKey.length === 2 * KEY_LENGTH
  // the value itself is not shown
  checkOption(
    'identity.secretKey',
    isBytes(secretKey) ? 'other bytes' : typeof secretKey,
    isRight,
    '64 bytes',
  )
  const key = privateKey(secretKey.subarray(0, KEY_LENGTH))
  return Uint8Array.from(sign(null, bytes, key))
}
