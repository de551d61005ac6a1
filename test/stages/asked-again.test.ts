import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { demuxer } from '../../lib/stages/demuxer.js'
import { finalizer } from '../../lib/stages/finalizer.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { partSink } from '../../lib/stages/part-sink.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import type { Plan } from '../../lib/transfer/plan.js'
import type { Frame } from '../../lib/wire/frame-parser.js'
import type { Message } from '../../lib/wire/messages.js'
import { type Content, offerOf, sha256 } from '../helpers/items.js'
import { offerMessages, payloadOf } from '../helpers/offer-messages.js'

// A file that was asked for again is open until the last of its records: no earlier one decides about it.

const CONTENT: Content = { folder: null, 'folder/a': 'first', b: 'second' }
const [A, B] = [1, 2] as const

const message = (message: Message): Frame => {
  return { kind: 'message', type: 0, message, payload: payloadOf(message) }
}
const OFFER = Array.from(offerMessages(offerOf(CONTENT)), message)
const END = message({ type: 'end' })

function data(position: number, text: string): Frame {
  return { kind: 'data', position, length: text.length, chunks: [Buffer.from(text)] }
}

/** The record of one file: the digest of a text, or that it failed. */
function record(first: number, text: string | undefined): Frame {
  const bytes = text === undefined ? Buffer.alloc(32) : sha256(Buffer.from(text))
  const failures = new Map(text === undefined ? [[first, 'ERR_READ']] : [])
  return message({ type: 'digests', first, count: 1, bytes, failures })
}

async function received(frames: readonly Frame[], ask: (plan: Plan) => void) {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  const onOffer = (_: unknown, plan: Plan) => {
    plan.want(3)
    ask(plan)
  }
  const last = finalizer()
  const stages = [demuxer({ onOffer }), hashTap(), partSink({ dir: '/dst', fs: disk }), last] as const
  await pipeline([Readable.from([...OFFER, ...frames]), ...stages])
  const outcomes = (await last.outcomes).map(({ path, status }) => `${path} ${status}`)
  return { outcomes, list: disk.list(), text: disk.snapshot().get('/dst/folder/a')?.toString() }
}

const ALL = ['folder published', 'folder/a published', 'b published']
const REST = [data(5, 'second'), record(B, 'second')]

for (const [what, frames] of Object.entries({
  'a wrong digest, and then the right one': [
    data(0, 'first'),
    record(A, 'wrong'),
    record(A, 'first'),
    ...REST,
    END,
  ],
  'the last record comes behind END': [
    data(0, 'first'),
    record(A, 'wrong'),
    ...REST,
    END,
    record(A, 'first'),
  ],
  'both records at once with the bytes between them': [
    record(A, undefined),
    data(0, 'first'),
    record(A, 'first'),
    ...REST,
    END,
  ],
  'the bytes and the last record come behind END': [
    record(A, undefined),
    ...REST,
    END,
    data(0, 'first'),
    record(A, 'first'),
  ],
} satisfies Record<string, Frame[]>)) {
  test(`the last record of a file decides: ${what}`, async (t) => {
    const { outcomes, list, text } = await received(frames, (plan) => plan.ask(A))
    t.deepEqual(outcomes, ALL)
    t.is(text, 'first')
    t.deepEqual(
      list.filter((path) => path.includes('.part')),
      [],
    )
  })
}

test('a file that fails with its last record has failed, and the others are published', async (t) => {
  const frames = [data(0, 'first'), record(A, 'first'), ...REST, END, record(A, undefined)]
  await t.throwsAsync(
    received(frames, (plan) => plan.ask(A)),
    { code: 'ERR_FILES_FAILED', message: /^1 of 3 entries failed/ },
  )
})
