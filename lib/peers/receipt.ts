import { printable, SluiceError } from '../errors.js'
import { parseText } from '../files/content/formats.js'
import { checkSchema } from '../files/content/schema.js'
import { checkKeys, checkOption, checkText, isBytes } from '../options.js'
import type { Outcome } from '../wire/outcome.js'
import { type Identity, signed } from './identity.js'
import { checkPublicKey, fingerprint, isSignedBy, parseKey, showKey } from './keys.js'

/** What a receipt says of one file. */
export interface ReceiptFile {
  /** Its path in the offer: POSIX, relative. */
  path: string
  /** The path under which it stands in the folder of the receiver, where that is another one. */
  name?: string
  /** Bytes, as offered; `null` if that was not known beforehand. */
  size: number | null
  /** The digest of its content in hexadecimal digits: of all that were published, else where the receiver knows it. */
  digest?: string
  status: 'published' | 'skipped' | 'failed'
  /** Why it was skipped or failed. */
  code?: string
}

/** What {@link makeReceipt} takes. */
export interface ReceiptOptions {
  /** The id of the transfer. */
  id: string
  /** When it began and ended, in milliseconds since 1970. */
  begin: number
  end: number
  /** The algorithm of all digests, as the offer says it. */
  algorithm: string
  /** The public key of the sender: 32 bytes. */
  sender: Uint8Array
  /** The hash of the handshake of the secure channel, which both sides know and no other channel has. */
  handshakeHash: Uint8Array
  files: readonly ReceiptFile[]
}

/** What a receiver has signed. */
export interface Receipt extends ReceiptOptions {
  /** The public key of the receiver, who signed it. */
  receiver: Uint8Array
}

const VERSION = 1
const HEX = '^(?:[0-9a-f]{2})+$'
const TIME = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$'

const text = (maxLength: number, pattern?: string) => ({
  type: 'string',
  maxLength,
  ...(pattern && { pattern }),
})

/** The document of a receipt as JSON Schema. */
export const RECEIPT_SCHEMA = {
  title: 'A receipt of Sluice: what a receiver says that it has received, signed by it',
  type: 'object',
  required: [
    'sluiceReceipt',
    'id',
    'begin',
    'end',
    'algorithm',
    'sender',
    'receiver',
    'handshakeHash',
    'files',
    'signature',
  ],
  additionalProperties: false,
  properties: {
    sluiceReceipt: { const: VERSION, description: 'the version of this format' },
    id: text(100),
    begin: text(24, TIME),
    end: text(24, TIME),
    algorithm: text(100),
    sender: { ...text(100), description: 'the public key of the sender, as sluice identity prints it' },
    receiver: { ...text(100), description: 'the public key of the receiver, who signed this' },
    handshakeHash: text(256, HEX),
    files: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'size', 'status'],
        additionalProperties: false,
        properties: {
          path: text(4096),
          name: text(4096),
          size: { type: ['integer', 'null'], minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
          digest: text(256, HEX),
          status: { enum: ['published', 'skipped', 'failed'] },
          code: text(100),
        },
        // what says nothing of the content would prove nothing
        if: { properties: { status: { const: 'published' } } },
        // biome-ignore lint/suspicious/noThenProperty: it is what JSON Schema calls it
        then: { required: ['digest'] },
      },
    },
    signature: { ...text(128, HEX), description: 'Ed25519 over the bytes of this text before this member' },
  },
}

/** The document of a receipt. */
interface ReceiptDocument {
  id: string
  begin: string
  end: string
  algorithm: string
  sender: string
  receiver: string
  handshakeHash: string
  files: ReceiptFile[]
}

// What is signed is simply the text of the document from its first byte up to the comma before its last member, which
// is the signature: nobody has to agree on how JSON is written. As it begins with `{"sluiceReceipt":1`, it can be taken
// for nothing else. Whoever formats the text anew breaks the signature.

const SIGNATURE = /^,\n {2}"signature": "([0-9a-f]{128})"\n\}\n$/
/** Bytes of what {@link SIGNATURE} matches. */
const TAIL = ',\n  "signature": ""\n}\n'.length + 128

const RECEIPT_OPTIONS: Record<keyof ReceiptOptions, true> = {
  id: true,
  begin: true,
  end: true,
  algorithm: true,
  sender: true,
  handshakeHash: true,
  files: true,
}

/**
 * The text of a receipt, signed by the receiver: a JSON document that ends with a line feed, to be kept byte for byte.
 * Throws `ERR_USAGE`, and `ERR_SCHEMA` for what does not match {@link RECEIPT_SCHEMA}.
 */
export async function makeReceipt(receiver: Identity, options: ReceiptOptions): Promise<string> {
  checkKeys('options', options, RECEIPT_OPTIONS)
  const { id, begin, end, algorithm, sender, handshakeHash, files } = options
  checkPublicKey('sender', sender)
  checkOption('handshakeHash', handshakeHash, isBytes(handshakeHash), 'bytes')
  for (const [option, time] of Object.entries({ begin, end }))
    checkOption(option, time, !Number.isNaN(new Date(time).getTime()), 'a time in milliseconds')
  const document = {
    sluiceReceipt: VERSION,
    id,
    begin: new Date(begin).toISOString(),
    end: new Date(end).toISOString(),
    algorithm,
    sender: showKey(sender),
    receiver: showKey(receiver.publicKey),
    handshakeHash: Buffer.from(handshakeHash).toString('hex'),
    files,
  } satisfies Omit<ReceiptDocument, 'files'> & { sluiceReceipt: number; files: readonly ReceiptFile[] }
  const head = JSON.stringify(document, null, 2).slice(0, -'\n}'.length)
  const signature = Buffer.from(signed(receiver, Buffer.from(head))).toString('hex')
  await checkSchema({ ...JSON.parse(`${head}}`), signature }, RECEIPT_SCHEMA, 'the receipt')
  return `${head},\n  "signature": "${signature}"\n}\n`
}

/**
 * What a receipt says, once its signature has been checked. That says who has signed it, `receiver`, and not that this
 * is the peer that you mean: compare the key.
 *
 * Fails with `ERR_IDENTITY` if the signature does not hold, `ERR_PARSE` or `ERR_SCHEMA` if the text is no receipt (any
 * more), and `ERR_USAGE` if it is no text.
 * @param name what the text is called in messages, as its path
 */
export async function readReceipt(text: string, name = 'the receipt'): Promise<Receipt> {
  checkText('text', text)
  const [, signature] = SIGNATURE.exec(text.slice(-TAIL)) ?? []
  if (signature === undefined || !text.isWellFormed()) {
    const message = `${printable(name)} is no receipt, or was written anew: it does not end with a signature`
    throw new SluiceError('ERR_PARSE', message)
  }
  const found = await parseText('json', text, name)
  await checkSchema(found, RECEIPT_SCHEMA, name)
  const { begin, end, handshakeHash, sender, receiver, ...same } = found as ReceiptDocument
  const { id, algorithm, files } = same
  const key = keyIn(receiver, name)
  if (!isSignedBy(key, Buffer.from(text.slice(0, -TAIL)), Buffer.from(signature, 'hex'))) {
    const message = `${printable(name)} is not what its receiver (${fingerprint(key)}) has signed: it was changed`
    throw new SluiceError('ERR_IDENTITY', message)
  }
  return {
    id,
    begin: Date.parse(begin),
    end: Date.parse(end),
    algorithm,
    sender: keyIn(sender, name),
    receiver: key,
    handshakeHash: Uint8Array.from(Buffer.from(handshakeHash, 'hex')),
    files,
  }
}

function keyIn(word: string, name: string): Uint8Array {
  try {
    return parseKey(word)
  } catch (cause) {
    const message = `${printable(name)} is damaged: ${(cause as SluiceError).message}`
    throw new SluiceError('ERR_PARSE', message, { cause })
  }
}

/** What a receipt says of the files among the outcomes of a transfer, as the receiver knows them. */
export function receiptFiles(outcomes: Iterable<Outcome>): ReceiptFile[] {
  const files: ReceiptFile[] = []
  for (const { entry, path, name, status, digest, code } of outcomes) {
    if (entry.type !== 'file') continue
    files.push({
      path,
      ...(name !== undefined && { name }),
      size: entry.size,
      ...(digest && { digest: digest.toString('hex') }),
      status,
      ...(code !== undefined && { code }),
    })
  }
  return files
}
