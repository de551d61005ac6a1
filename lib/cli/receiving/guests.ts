import { isAbsolute, join } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { homeFolder } from '../../peers/home.js'
import { showKey } from '../../peers/keys.js'
import { type KnownPeer, KnownPeers } from '../../peers/known-peers.js'
import type { Quota } from '../../transfer/quota.js'
import type { Transfer } from '../../transfer/transfer.js'
import { FileQuota } from '../../transfers/file-quota.js'
import type { Caller } from '../network/entrance.js'
import { quotaFileIn } from '../network/home.js'
import type { Reporter } from '../ui/reporter.js'
import { moreFor, usedOf } from '../ui/words/quota.js'

/** The quota of a known peer; undefined if it may bring as much as there is room for. */
export async function quotaOf(peer: KnownPeer): Promise<FileQuota | undefined> {
  const { bytes, files } = peer.allowed ?? {}
  return bytes === undefined && files === undefined ? undefined : usedQuotaOf(peer)
}

/** What a known peer has brought while it had a quota. */
export async function usedQuotaOf({ key, allowed = {} }: KnownPeer): Promise<FileQuota> {
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
  quota?: Quota
}

/** A peer that was met, and its quota, if it has one. */
interface Met {
  peer: KnownPeer
  guest: Guest
  counted: FileQuota | undefined
}

/** What those who send are allowed, by what the user has noted of the known peers. */
export class Guests {
  readonly #flags: { dir: string; stdout?: boolean; delete?: boolean }
  readonly #reporter: Reporter
  /** By who they are for people; those who are not known have what everybody has. */
  readonly #met = new Map<string | undefined, Met>()

  constructor(flags: { dir: string; stdout?: boolean; delete?: boolean }, reporter: Reporter) {
    this.#flags = flags
    this.#reporter = reporter
  }

  /**
   * Looks a sender up, before its connection is used; that is closed if nothing can come of it.
   * @throws SluiceError as `KnownPeers` does; `ERR_USAGE` where its folder does not go with the options
   */
  async meet(caller: Caller): Promise<void> {
    try {
      const { key, who } = caller
      const peer = key && (await new KnownPeers({ fs }).findByKey(key))
      if (peer) this.#met.set(who, await this.#lookAt(peer))
    } catch (error) {
      caller.hangUp()
      throw error
    }
  }

  /** Where the files of somebody go who was met, and how much may come. */
  of(who: string | undefined): Guest {
    return this.#met.get(who)?.guest ?? { dir: this.#flags.dir }
  }

  /** How much of its quota somebody has used, for who is asked about an offer; undefined where there is none. */
  async usedBy(who: string | undefined): Promise<string | undefined> {
    const { peer, counted } = this.#met.get(who) ?? {}
    if (!peer?.allowed || !counted) return undefined
    const { used } = await counted.state()
    return `quota of ${printable(peer.name)}: ${usedOf(peer.allowed, used).join(', ')} used`
  }

  /** Says what the user may do where a transfer of somebody ends since there is no room for all of it. */
  attend(transfer: Transfer, who: string | undefined): void {
    transfer.finished.catch((error: SluiceError) => {
      if (error.code === 'ERR_REJECTED' && error.found === 'quota') this.#advise(this.#met.get(who)?.peer)
    })
  }

  /** Resolves when all that came stands in the file of the quotas. */
  async saved(): Promise<void> {
    await Promise.all([...this.#met.values()].map(({ counted }) => counted?.saved()))
  }

  async #lookAt(peer: KnownPeer): Promise<Met> {
    const { dir, stdout, delete: isMirror } = this.#flags
    const own = peer.allowed?.dir
    if (own !== undefined && isMirror)
      throw new SluiceError('ERR_USAGE', `--delete is not for ${peer.name}, who has a folder of its own`)
    const counted = await quotaOf(peer)
    const folder = own === undefined || stdout ? dir : isAbsolute(own) ? own : join(dir, own)
    const quota = counted && this.#advising(peer, counted)
    return { peer, counted, guest: { dir: folder, ...(quota && { quota }) } }
  }

  /** Whoever is refused is told why; the user here, what may be done. */
  #advising(peer: KnownPeer, quota: FileQuota): Quota {
    return {
      reserve: async (use, offered) => {
        const reserved = await quota.reserve(use, offered)
        if ('refused' in reserved) this.#advise(peer)
        return reserved
      },
      count: (use, came, isOver) => quota.count(use, came, isOver),
      release: (use, some) => quota.release(use, some),
    }
  }

  #advise(peer: KnownPeer | undefined): void {
    if (peer) this.#reporter.note(moreFor(peer))
  }
}
