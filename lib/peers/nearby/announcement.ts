import { createHmac, randomBytes } from 'node:crypto'
import type { Answer, Packet } from 'dns-packet'
import { checkOption, isBytes } from '../../options.js'

// What is said in a network to find a peer, as records of multicast DNS (RFC 6762) for services (RFC 6763). Pure.

/**
 * What a listener says of itself to a network. Where it is, is not said: it is where this comes from. Whoever does not
 * know its key learns the port, and nothing else.
 */
export interface Announcement {
  /** 16 random bytes, others at each start; they stand in the place of a name. */
  readonly nonce: Buffer
  readonly port: number
  /** 16 bytes by which whoever knows the key tells whose it is. */
  readonly tag: Buffer
}

const LENGTH = 16
const SERVICE = '_sluice._tcp.local'
const NAME = /^([\da-f]{32})\._sluice\._tcp\.local$/
const TAG = /^tag=([\da-f]{32})$/

/** Seconds for which others may remember it; 0 takes it back. */
const TIME_TO_LIVE = 120

/** Throws `ERR_USAGE` for what cannot be a public key. */
export function checkKey(publicKey: unknown): void {
  const isKey = isBytes(publicKey) && publicKey.length === 32
  checkOption('publicKey', publicKey, isKey, 'a public key of 32 bytes')
}

/** An announcement of the owner of a key. */
export function announcementOf(
  publicKey: Uint8Array,
  port: number,
  nonce: Buffer = randomBytes(LENGTH),
): Announcement {
  return { nonce, port, tag: tagOf(publicKey, port, nonce) }
}

/**
 * Whether it may be of the owner of a key. Anybody who knows the key can make one, and anybody who has heard one can
 * repeat it: it only says where to look, and the key is proved there.
 */
export function isOf({ nonce, port, tag }: Announcement, publicKey: Uint8Array): boolean {
  return tag.equals(tagOf(publicKey, port, nonce))
}

function tagOf(publicKey: Uint8Array, port: number, nonce: Buffer): Buffer {
  const text = `sluice 1 announcement ${nonce.toString('hex')} ${port}`
  return createHmac('sha256', publicKey).update(text).digest().subarray(0, LENGTH)
}

/** Asks who there is. Whom it is about is not said. */
export const QUESTION: Packet = { type: 'query', questions: [{ type: 'PTR', name: SERVICE }] }

/** Whether a packet asks that. */
export function isQuestion({ type, questions = [] }: Packet): boolean {
  return type === 'query' && questions.some((one) => one.type === 'PTR' && one.name === SERVICE)
}

/**
 * The packet that says it.
 * @param isOver it is taken back
 */
export function answerOf({ nonce, port, tag }: Announcement, isOver = false): Packet {
  const ttl = isOver ? 0 : TIME_TO_LIVE
  const own = nonce.toString('hex')
  const name = `${own}.${SERVICE}`
  const answers: Answer[] = [
    { type: 'PTR', name: SERVICE, ttl, data: name },
    { type: 'SRV', name, ttl, data: { port, target: `${own}.local` } },
    { type: 'TXT', name, ttl, data: `tag=${tag.toString('hex')}` },
  ]
  return { type: 'response', answers }
}

/** The announcements in a packet from anybody, without those that are taken back. */
export function announcementsIn({ type, answers = [] }: Packet): Announcement[] {
  if (type !== 'response') return []
  return answers.flatMap((answer) => {
    const nonce = answer.type === 'SRV' ? NAME.exec(answer.name)?.[1] : undefined
    if (answer.type !== 'SRV' || nonce === undefined || answer.ttl === 0 || answer.data.port === 0) return []
    const tag = tagIn(answers.find(({ type, name }) => type === 'TXT' && name === answer.name))
    if (tag === undefined) return []
    return { nonce: Buffer.from(nonce, 'hex'), port: answer.data.port, tag: Buffer.from(tag, 'hex') }
  })
}

function tagIn(record: Answer | undefined): string | undefined {
  if (record?.type !== 'TXT') return undefined
  const [text] = [record.data].flat()
  return TAG.exec(`${text}`)?.[1]
}
