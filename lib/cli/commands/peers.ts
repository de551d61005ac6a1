import { isAbsolute } from 'node:path'
import { counted, printable, SluiceError } from '../../errors.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { fingerprint, parseKey, showKey } from '../../peers/keys.js'
import { type KnownPeer, KnownPeers } from '../../peers/known-peers.js'
import type { Amount } from '../../transfer/quota.js'
import { type Allowed, checkAllowedDir } from '../../transfers/allowed.js'
import { bytesIn } from '../network/bytes.js'
import { knownPeer } from '../network/entrance.js'
import { quotaOf, usedQuotaOf } from '../receiving/guests.js'
import type { Context } from '../ui/context.js'
import { usedOf } from '../ui/words/quota.js'
import { checkDestination } from './destination.js'

const knownPeers = () => new KnownPeers({ fs: commandFileSystem })

/** What a peer is to be allowed: what is not given stays as it is, and `none` is no limit. */
export interface AllowedFlags {
  dir?: string
  maxBytes?: string
  maxFiles?: string
}

/** The options of `sluice peers set`; see its help. */
export interface SetPeerFlags extends AllowedFlags {
  /** What came until now counts no more. */
  reset?: boolean
}

/** `sluice peers list`: a row for each known peer. */
export async function listPeersCommand({ reporter }: Context): Promise<void> {
  const peers = await knownPeers().list()
  for (const peer of peers) {
    const used = await usedBy(peer)
    reporter.result({ event: 'peer', ...told(peer), ...(used && { used }) }, rowOf(peer, used))
  }
  reporter.note(peers.length === 0 ? 'no peer is known' : counted(peers.length, 'known peer'))
}

/** `sluice peers add`: makes a peer known, or gives it other addresses. */
export async function addPeerCommand(
  name: string,
  word: string,
  addresses: string[],
  flags: AllowedFlags,
  { reporter }: Context,
): Promise<void> {
  const key = parseKey(word)
  const peers = knownPeers()
  const known = await peers.find(name)
  const allowed = await allowedOf(flags, known?.allowed)
  await peers.add({ name, key, addresses, ...(allowed && { allowed }) })
  reporter.event({ event: 'peer', ...told({ name, key, addresses, ...(allowed && { allowed }) }) })
  reporter.note(`${printable(name)} is known; fingerprint: ${fingerprint(key)}`)
}

/** `sluice peers set`: changes what a peer may bring, and where that goes. */
export async function setPeerCommand(
  name: string,
  { reset, ...flags }: SetPeerFlags,
  { reporter }: Context,
): Promise<void> {
  const peers = knownPeers()
  const before = await knownPeer(peers, name, 'no known peer')
  const allowed = await allowedOf(flags, before.allowed)
  if (allowed) await peers.allow(name, allowed)
  const peer = { ...before, ...(allowed && { allowed }) }
  if (reset) await (await usedQuotaOf(peer)).reset()
  const used = await usedBy(peer)
  reporter.event({ event: 'peer', ...told(peer), ...(used && { used }) })
  reporter.note(rowOf(peer, used))
}

/** `sluice peers remove`: forgets a peer, and what it has brought. */
export async function removePeerCommand(name: string, { reporter }: Context): Promise<void> {
  const peers = knownPeers()
  const count = await usedQuotaOf(await knownPeer(peers, name, 'no known peer'))
  await peers.remove(name)
  await count.reset()
  reporter.event({ event: 'peer-removed', name })
  reporter.note(`${printable(name)} is forgotten`)
}

async function usedBy(peer: KnownPeer): Promise<Amount | undefined> {
  return (await (await quotaOf(peer))?.state())?.used
}

function rowOf({ name, key, addresses, allowed = {} }: KnownPeer, used: Amount | undefined): string {
  const { dir } = allowed
  return [
    `${printable(name)}  ${fingerprint(key)}`,
    ...addresses.map((address) => printable(address)),
    ...(used ? usedOf(allowed, used) : []),
    ...(dir === undefined ? [] : [`into ${printable(dir)}`]),
  ].join('  ')
}

function told({ name, key, addresses, allowed }: KnownPeer) {
  const of = { name, key: showKey(key), fingerprint: fingerprint(key), addresses: [...addresses] }
  return { ...of, ...(allowed && { allowed }) }
}

/** What the flags make of what a peer was allowed; undefined if they say nothing. */
async function allowedOf(
  { dir, maxBytes, maxFiles }: AllowedFlags,
  before: Allowed = {},
): Promise<Allowed | undefined> {
  if (dir === undefined && maxBytes === undefined && maxFiles === undefined) return undefined
  if (dir !== undefined && dir !== NONE) await checkDir(dir)
  const { dir: oldDir, bytes: oldBytes, files: oldFiles } = before
  const after = {
    dir: dir === undefined ? oldDir : dir === NONE ? undefined : dir,
    bytes: maxBytes === undefined ? oldBytes : numberOf('--max-bytes', maxBytes, bytesIn, 'as 500M or 10G'),
    files: maxFiles === undefined ? oldFiles : numberOf('--max-files', maxFiles, whole, 'as 1000'),
  }
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined))
}

/** One that is below another folder is looked at when something comes into it. */
async function checkDir(dir: string): Promise<void> {
  checkAllowedDir('--dir', dir)
  if (isAbsolute(dir)) await checkDestination(dir)
}

/** Lifts a limit. */
const NONE = 'none'

const whole = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN)

function numberOf(
  option: string,
  text: string,
  parse: (text: string) => number,
  example: string,
): number | undefined {
  if (text === NONE) return undefined
  const number = parse(text)
  if (!Number.isNaN(number)) return number
  const message = `${option} must be a number, ${example}, or ${NONE}, not "${printable(text, 50)}"`
  throw new SluiceError('ERR_USAGE', message)
}
