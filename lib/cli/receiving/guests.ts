import { isAbsolute, join } from 'node:path'
import { SluiceError } from '../../errors.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { homeFolder } from '../../peers/home.js'
import { showKey } from '../../peers/keys.js'
import { type KnownPeer, KnownPeers } from '../../peers/known-peers.js'
import { FileQuota } from '../../transfers/file-quota.js'
import type { Caller } from '../network/entrance.js'
import { quotaFileIn } from '../network/home.js'

/** The quota of a known peer; undefined if it may bring as much as there is room for. */
export async function quotaOf(peer: KnownPeer): Promise<FileQuota | undefined> {
  const { bytes, files } = peer.allowed ?? {}
  return bytes === undefined && files === undefined ? undefined : countOf(peer)
}

/** What a known peer has brought while it had a quota. */
export async function countOf({ key, allowed = {} }: KnownPeer): Promise<FileQuota> {
  const { bytes, files } = allowed
  const file = quotaFileIn(await homeFolder({ fs }, true))
  return new FileQuota({
    file,
    of: showKey(key),
    fs,
    ...(bytes !== undefined && { bytes }),
    ...(files !== undefined && { files }),
  })
}

/** Where the files of a peer go, and how much it may bring. */
interface Guest {
  dir: string
  quota?: FileQuota
}

/** What those who send are allowed, by what the user has noted of the known peers. */
export class Guests {
  readonly #flags: { dir: string; stdout?: boolean; delete?: boolean }
  /** By who they are for people; those who are not known have what everybody has. */
  readonly #met = new Map<string | undefined, Guest>()

  constructor(flags: { dir: string; stdout?: boolean; delete?: boolean }) {
    this.#flags = flags
  }

  /**
   * Looks a sender up, before its connection is used; that is closed if nothing can come of it.
   * @throws SluiceError as `KnownPeers` does; `ERR_USAGE` where its folder does not go with the options
   */
  async meet(caller: Caller): Promise<void> {
    try {
      const { key, who } = caller
      const peer = key && (await new KnownPeers({ fs }).findByKey(key))
      if (peer) this.#met.set(who, await this.#guestOf(peer))
    } catch (error) {
      caller.hangUp()
      throw error
    }
  }

  /** Where the files of somebody go who was met, and how much may come. */
  of(who: string | undefined): Guest {
    return this.#met.get(who) ?? { dir: this.#flags.dir }
  }

  /** Resolves when all that came stands in the file of the quotas. */
  async saved(): Promise<void> {
    await Promise.all([...this.#met.values()].map(({ quota }) => quota?.saved()))
  }

  async #guestOf(peer: KnownPeer): Promise<Guest> {
    const { dir, stdout, delete: isMirror } = this.#flags
    const own = peer.allowed?.dir
    if (own !== undefined && isMirror)
      throw new SluiceError('ERR_USAGE', `--delete is not for ${peer.name}, who has a folder of its own`)
    const quota = await quotaOf(peer)
    const folder = own === undefined || stdout ? dir : isAbsolute(own) ? own : join(dir, own)
    return { dir: folder, ...(quota && { quota }) }
  }
}
