import { printable, SluiceError } from '../errors.js'
import { readJson } from '../files/config/read-config.js'
import { updateJson } from '../files/config/update.js'
import { checkSchema } from '../files/content/schema.js'
import { diskError } from '../files/disk/disk-error.js'
import { inside } from '../files/disk/names.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import { withRegular } from '../files/disk/open-regular.js'
import { ifThere } from '../files/disk/stats.js'
import { checkKeys, checkOption, shownValue } from '../options.js'
import { ALLOWED_SCHEMA, type Allowed, checkAllowed } from '../transfers/allowed.js'
import { LONGEST_ADDRESS, plainAddress } from './addresses.js'
import { checkPrivate, HOME_OPTIONS, type HomeOptions, homeFolder } from './home.js'
import { checkPublicKey, fingerprint, isKey, mayPretend, parseKey, sameKey, showKey } from './keys.js'
import { isTicket } from './ticket.js'

/** A peer that has a name here. */
export interface KnownPeer {
  readonly name: string
  /** Its public key: 32 bytes. */
  readonly key: Uint8Array
  /** Where it was reached, the last one first; at most 8. */
  readonly addresses: readonly string[]
  /** What it may bring here. Left out: as much as there is room for. */
  readonly allowed?: Allowed
}

/** The file in the home folder. */
const FILE = 'peers.json'
const VERSION = 1
const MOST_PEERS = 10_000
/** Bytes of the file, at most. */
const LARGEST_FILE = 32 * 1024 * 1024
/** Addresses that are kept of a peer. */
const KEPT_ADDRESSES = 8
/** Characters of a name. */
const LONGEST_NAME = 64

/** What stands in the file. */
interface PeersFile {
  version: number
  peers: { name: string; key: string; addresses: string[]; allowed?: Allowed }[]
}

const EMPTY: PeersFile = { version: VERSION, peers: [] }

const SCHEMA = {
  type: 'object',
  required: ['version', 'peers'],
  additionalProperties: false,
  properties: {
    version: { const: VERSION },
    peers: {
      type: 'array',
      maxItems: MOST_PEERS,
      items: {
        type: 'object',
        required: ['name', 'key', 'addresses'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1, maxLength: LONGEST_NAME },
          key: { type: 'string', maxLength: 100 },
          addresses: {
            type: 'array',
            maxItems: KEPT_ADDRESSES,
            items: { type: 'string', maxLength: LONGEST_ADDRESS },
          },
          allowed: ALLOWED_SCHEMA,
        },
      },
    },
  },
}

const PLAIN = 'without : and /, which are for addresses and paths, and with no - at its beginning'

/**
 * A name of a peer: 1 to 64 characters that can be seen, with no space around them; nothing that could be taken for an
 * address, a path, an option, a ticket or a key. Throws `ERR_USAGE`.
 */
export function checkPeerName(option: string, name: string): void {
  // first, and not shown: it may be a secret
  if (typeof name === 'string' && (isTicket(name) || isKey(name)))
    throw new SluiceError('ERR_USAGE', `${option} must not look like a ticket or a key`)
  const isName =
    typeof name === 'string' &&
    name !== '' &&
    Array.from(name).length <= LONGEST_NAME &&
    printable(name) === name &&
    name.trim() === name
  checkOption(option, name, isName, `1 to ${LONGEST_NAME} printable characters, with no space around them`)
  const isPlain = !/[:/]/.test(name) && !name.startsWith('-')
  checkOption(option, name, isPlain, PLAIN)
}

/**
 * The peers that a user knows by name, in the file `peers.json` of the configuration folder. The file is read at each
 * call, and changed under a lock, so that no change of another process gets lost.
 *
 * All calls fail with `ERR_PARSE`, `ERR_SCHEMA` or, above 32 MiB, `ERR_LIMIT` if the file is damaged, and leave it as
 * it is then; with `ERR_PERMISSION` if it belongs to another user, or others can write to it or to its folder; with
 * `ERR_UNSAFE_LINK` if it is a link; and with the codes of disk failures.
 */
export class KnownPeers {
  readonly #options: HomeOptions

  constructor(options: HomeOptions = {}) {
    checkKeys('options', options, HOME_OPTIONS)
    this.#options = options
  }

  /** All of them, in the order in which they came to be known. */
  async list(): Promise<KnownPeer[]> {
    const path = await this.#path(false)
    const { fs } = this.#options
    const found = await readJson<PeersFile>(path, { fs, default: EMPTY })
    return decode(found, path)
  }

  /** The peer of this name; undefined if there is none. */
  async find(name: string): Promise<KnownPeer | undefined> {
    return (await this.list()).find((peer) => peer.name === name)
  }

  /** The peer of this name, who has to be known: fails with `ERR_USAGE` if none has it. */
  async get(name: string): Promise<KnownPeer> {
    const peers = await this.list()
    const peer = peers.find((one) => one.name === name)
    if (peer) return peer
    throw unknownPeer(name, peers)
  }

  /** The peer that has this key; undefined if there is none. */
  async findByKey(key: Uint8Array): Promise<KnownPeer | undefined> {
    checkPublicKey('key', key)
    return (await this.list()).find((peer) => sameKey(peer.key, key))
  }

  /**
   * Makes a peer known, or gives one that is known these addresses instead of its own, and what it is `allowed`, if
   * that is given. Fails with `ERR_IDENTITY` if the name is that of a peer with another key, `ERR_USAGE` if the key has
   * another name already, or for a wrong argument.
   */
  async add(peer: KnownPeer): Promise<void> {
    checkKeys('peer', peer, { name: true, key: true, addresses: true, allowed: true })
    await this.#put(peer, () => [])
  }

  /**
   * Notes at which addresses a peer was just reached, before those that are known; makes it known if it is not. Fails
   * as {@link add} does: a known name with a changed key is an alarm, not a question.
   */
  remember(name: string, key: Uint8Array, addresses: readonly string[]): Promise<void> {
    return this.#put({ name, key, addresses }, (known) => known.addresses)
  }

  /**
   * Has the peer of this key, if there is one, looked for first where it was just reached. One that is removed at the
   * same moment stays removed. Fails with `ERR_USAGE` for what is no address.
   */
  async reached(key: Uint8Array, address: string): Promise<void> {
    const known = await this.findByKey(key)
    if (!known || known.addresses[0] === address) return
    const plain = plainAddress('address', address)
    const reachedAt = (peer: KnownPeer) => ({ ...peer, addresses: firstOf([plain], peer.addresses) })
    await this.#change((peers) => peers.map((peer) => (sameKey(peer.key, key) ? reachedAt(peer) : peer)))
  }

  /** Changes all that a peer is allowed. Fails with `ERR_USAGE` if none has this name, or for a wrong argument. */
  async allow(name: string, allowed: Allowed): Promise<void> {
    checkPeerName('name', name)
    checkAllowed(allowed)
    await this.#change((peers) => {
      if (!peers.some((peer) => peer.name === name)) throw unknownPeer(name, peers)
      return peers.map((peer) => (peer.name === name ? { ...peer, allowed } : peer))
    })
  }

  /** Forgets a peer. Fails with `ERR_USAGE` if none has this name. */
  async remove(name: string): Promise<void> {
    checkPeerName('name', name)
    await this.#change((peers) => {
      const others = peers.filter((peer) => peer.name !== name)
      if (others.length < peers.length) return others
      throw unknownPeer(name, peers)
    })
  }

  async #put(
    { name, key, addresses, allowed }: KnownPeer,
    keep: (known: KnownPeer) => readonly string[],
  ): Promise<void> {
    checkPeerName('name', name)
    checkPublicKey('key', key)
    checkOption('addresses', addresses, Array.isArray(addresses), 'a list of addresses')
    const plain = addresses.map((address) => plainAddress('an address of a peer', address))
    checkAllowed(allowed)
    await this.#change((peers) => {
      const known = peers.find((peer) => peer.name === name)
      if (known && !sameKey(known.key, key)) throw changedKey(known, key)
      const other = peers.find((peer) => peer !== known && sameKey(peer.key, key))
      if (other) {
        const message = `the key of ${shownValue(name)} is known already, as that of ${shownValue(other.name)}`
        throw new SluiceError('ERR_USAGE', `${message}; a peer has one name`, { found: other.name })
      }
      const kept = firstOf(plain, known ? keep(known) : [])
      const peer = { ...known, name, key, addresses: kept, ...(allowed && { allowed }) }
      return known ? peers.map((one) => (one === known ? peer : one)) : [...peers, peer]
    })
  }

  /** Where the file is; it is nobody's but the user's. In its folder nobody else can replace it afterwards. */
  async #path(make: boolean): Promise<string> {
    const { fs = nodeFileSystem } = this.#options
    const path = inside(await homeFolder(this.#options, make), FILE)
    const check = withRegular(fs, path, async (_fd, stats) => {
      checkPrivate(fs, path, stats, 0o022, 'others can write to it')
      if (stats.size <= LARGEST_FILE) return
      const message = `${printable(path)} is larger than known peers can be; mend it, or move it away`
      throw new SluiceError('ERR_LIMIT', message, { path, saysPath: true })
    })
    await ifThere(check).catch((error) => {
      throw diskError(error, 'read', path)
    })
    return path
  }

  async #change(change: (peers: KnownPeer[]) => KnownPeer[]): Promise<void> {
    const path = await this.#path(true)
    const { fs } = this.#options
    const update = async (found?: PeersFile) => encode(change(await decode(found, path)))
    await updateJson(path, update, { fs, initial: EMPTY, schema: SCHEMA, mode: 0o600 })
  }
}

/** As many addresses as are kept of a peer, each once: the newer ones before those that were known. */
function firstOf(newer: readonly string[], known: readonly string[]): string[] {
  return [...new Set([...newer, ...known])].slice(0, KEPT_ADDRESSES)
}

/**
 * Nobody is known by a name.
 * @param isNot what the name is not, where it may be something else
 * @param hint the way out, for the end of the message
 */
export function unknownPeer(
  name: string,
  peers: readonly KnownPeer[],
  { isNot = 'no known peer', hint = '' }: { isNot?: string; hint?: string } = {},
): SluiceError {
  const names = peers.map((peer) => shownValue(peer.name)).join(', ') || 'none'
  const message = `${shownValue(name)} is ${isNot}; known: ${names.slice(0, 1000)}${hint}`
  return new SluiceError('ERR_USAGE', message, { found: name })
}

/** The alarm that a known name has another key than before. */
export function changedKey(known: KnownPeer, key: Uint8Array): SluiceError {
  const [expected, found] = [fingerprint(known.key), fingerprint(key)]
  const name = shownValue(known.name)
  const message = `${name} has another key than before: known is ${expected}, shown was ${found}. ${mayPretend(name)}`
  return new SluiceError('ERR_IDENTITY', message, { expected, found })
}

function encode(peers: readonly KnownPeer[]): PeersFile {
  return {
    version: VERSION,
    peers: peers.map(({ key, addresses, ...others }) => ({
      ...others,
      key: showKey(key),
      addresses: [...addresses],
    })),
  }
}

/** What stands in the file, checked. */
async function decode(found: PeersFile = EMPTY, path: string): Promise<KnownPeer[]> {
  await checkSchema(found, SCHEMA, path)
  const names = new Set<string>()
  const keys = new Set<string>()
  return found.peers.map(({ name, key: word, addresses, allowed }) => {
    try {
      checkPeerName('a name', name)
      const key = parseKey(word)
      if (!isNewIn(names, name) || !isNewIn(keys, showKey(key)))
        throw new SluiceError('ERR_SCHEMA', `${shownValue(name)} or its key stands in it twice`)
      checkAllowed(allowed)
      const plain = addresses.map((address) => plainAddress('an address', address))
      return { name, key, addresses: plain, ...(allowed && { allowed }) }
    } catch (cause) {
      const message = `${printable(path)} is damaged: ${(cause as SluiceError).message}; mend it, or move it away`
      throw new SluiceError('ERR_SCHEMA', message, { path, saysPath: true, cause })
    }
  })
}

const isNewIn = (set: Set<string>, text: string) => set.size < set.add(text).size
