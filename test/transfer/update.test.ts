import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type Chunk, Chunker } from '../../lib/digest/chunks.js'
import { blockEngine, digestOf } from '../../lib/digest/digests.js'
import {
  type Conflict,
  counter,
  type Entry,
  type MemoryParts,
  manifestOfEntries,
  mapCuts,
  memoryParts,
  memorySources,
  type ReceiveOptions,
  receive,
  send,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair } from '../../lib/testing/index.js'
import { randomContent } from '../../lib/testing/splits.js'
import { packChunks } from '../../lib/wire/chunk-records.js'
import type { Message } from '../../lib/wire/messages.js'
import { temporary } from '../helpers/folders.js'
import { offerMessages } from '../helpers/offer-messages.js'
import { data, HELLO, Peer } from '../helpers/peer.js'
import { scale } from '../helpers/scale.js'

// Of a file of which another version stands, only what changed travels.

const KIB = 1024
const MIB = 1024 * KIB
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * KIB
const OLD = randomContent(16 * MIB)

interface Update {
  code: string
  /** Bytes that the sender wrote. */
  wire: number
  /** Bytes of content that came, and that did not have to. */
  came: number
  proved: number
}

async function update(
  contents: Record<string, Buffer>,
  receiving: Partial<ReceiveOptions>,
  { algorithm = 'blocks', ...faults }: DuplexPairOptions & { algorithm?: string } = {},
): Promise<Update> {
  const sources = memorySources(new Map(Object.entries(contents)))
  const manifest = manifestOfEntries(sources.entries, sources, { name: 'x', algorithm })
  const [near, far] = duplexPair({ highWaterMark: 256 * KIB, ...faults })
  const written = counter<Buffer>(({ length }) => length)
  const sender = send(near, manifest, { stages: { wire: [{ outgoing: () => written }] } })
  const receiver = receive(far, { accept: 'all', ...receiving })
  const codes = await Promise.all(
    [sender, receiver].map(({ finished }) =>
      finished.then(() => 'completed').catch(({ code }) => code as string),
    ),
  )
  const { bytes, resumedBytes } = receiver.progress
  return { code: codes.join(' '), wire: written.count, came: bytes, proved: resumedBytes }
}

/** A store in which these files stand. */
function standing(files: Record<string, Buffer>): MemoryParts {
  const store = memoryParts()
  for (const [path, bytes] of Object.entries(files)) store.files.set(path, { bytes, mode: 0o644, mtime: 1 })
  return store
}

const SMALL = OLD.subarray(0, 6 * MIB)

/** Some bytes of a content, at even distances, are others. */
function spotted(content: Buffer, places: number): Buffer {
  const other = Buffer.from(content)
  for (let i = 0; i < places; i++) other[Math.floor(((i + 0.5) / places) * other.length)]! ^= 1
  return other
}

const cut = (bytes: Buffer, size = bytes.length) => {
  const chunker = new Chunker(size, blockEngine())
  return [...chunker.take(bytes), ...chunker.end()]
}

/** The bytes of the blocks that have a part of a chunk that is not in the one that stands, in the plainest way. */
function changedBytes(old: Buffer, content: Buffer): number {
  const keyOf = ({ length, digest }: Chunk) => `${length} ${digest.toString('hex')}`
  const there = new Set(cut(old, content.length).map(keyOf))
  const chunks = cut(content).filter((chunk) => !there.has(keyOf(chunk)))
  let bytes = 0
  for (let at = 0; at < content.length; at += BLOCK) {
    const end = Math.min(at + BLOCK, content.length)
    if (chunks.some(({ offset, length }) => offset < end && offset + length > at)) bytes += end - at
  }
  return bytes
}

/**
 * What another version is, and how many blocks of it travel at most: those that have a part of a chunk that is not in
 * the one that stands.
 */
const CHANGES: Record<string, [old: Buffer, content: Buffer, blocks: number]> = {
  'a byte inserted at the front': [OLD, Buffer.concat([Buffer.of(1), OLD]), 2],
  'a byte taken away at the front': [SMALL, SMALL.subarray(1), 2],
  'bytes appended': [SMALL, Buffer.concat([SMALL, randomContent(1000, 2)]), 2],
  'bytes cut off at the end': [SMALL, SMALL.subarray(0, -1000), 1],
  'a block cut off at the end': [SMALL, SMALL.subarray(0, -BLOCK), 2],
  'a MiB cut off at the end': [SMALL, SMALL.subarray(0, -MIB), 1],
  'all but 2 MiB and a bit cut off': [SMALL, SMALL.subarray(0, 2 * MIB + 5), 3],
  'a byte inserted in the middle': [
    SMALL,
    Buffer.concat([SMALL.subarray(0, 3 * MIB + 5), Buffer.of(1), SMALL.subarray(3 * MIB + 5)]),
    2,
  ],
  'the first third moved to the end, and a byte': [
    OLD,
    Buffer.concat([OLD.subarray(5 * MIB), OLD.subarray(0, 5 * MIB), Buffer.of(1)]),
    12,
  ],
  'the whole twice': [SMALL, Buffer.concat([SMALL, SMALL]), 8],
}

for (const [what, [old, content, blocks]] of Object.entries(CHANGES))
  test(`only what changed travels: ${what}`, async (t) => {
    for (const algorithm of ['blocks', 'sha256']) {
      const store = standing({ file: old })
      const receiving = { store, conflict: 'overwrite' } as const
      const { code, wire, came, proved } = await update({ file: content }, receiving, { algorithm })
      t.is(code, 'completed completed')
      t.true(store.files.get('file')!.bytes.equals(content))
      t.true(came <= blocks * BLOCK, `${came} bytes came, by ${algorithm}`)
      t.is(came, changedBytes(old, content))
      t.is(came + proved, content.length)
      t.true(wire <= came + 32 * KIB, `${wire} bytes on the wire for ${came}`)
    }
  })

test('of a version of the same size exactly the blocks travel that have a byte that changed', async (t) => {
  const old = OLD.subarray(0, 8 * MIB)
  for (const algorithm of ['blocks', 'sha256'])
    for (const places of [1, 16, 100]) {
      const content = spotted(old, places)
      const store = standing({ file: old })
      const receiving = { store, conflict: 'overwrite' } as const
      const { code, wire, came, proved } = await update({ file: content }, receiving, { algorithm })
      t.is(code, 'completed completed')
      t.true(store.files.get('file')!.bytes.equals(content))
      t.is(came, places * BLOCK, algorithm)
      t.is(came + proved, content.length)
      t.true(wire <= came + 16 * KIB, `${wire} bytes on the wire for ${came}`)
    }
})

for (const conflict of ['rename', 'overwrite', 'replace'] as const satisfies Conflict[])
  test(`on a disk as well, whatever becomes of what stands: ${conflict}`, async (t) => {
    const dir = await temporary(t)
    const contents = {
      'folder/file': Buffer.concat([Buffer.of(1), SMALL]),
      other: OLD.subarray(MIB, 7 * MIB),
    }
    await mkdir(join(dir, 'folder'))
    for (const path of Object.keys(contents)) await writeFile(join(dir, path), SMALL)
    // a byte less, so that it has another size
    await writeFile(join(dir, 'other'), SMALL.subarray(0, -1))
    const { code, came } = await update(contents, { dir, conflict })
    t.is(code, 'completed completed')
    const name = conflict === 'rename' ? '_1' : ''
    for (const [path, content] of Object.entries(contents))
      t.true((await readFile(join(dir, path + name))).equals(content))
    if (conflict === 'rename') t.true((await readFile(join(dir, 'folder/file'))).equals(SMALL))
    const { other } = contents
    const expected = changedBytes(SMALL, contents['folder/file']) + changedBytes(SMALL.subarray(0, -1), other)
    t.is(came, expected)
    t.true(came <= 21 * BLOCK, `${came} bytes came`)
    t.deepEqual(await readdir(join(dir, 'folder')), conflict === 'rename' ? ['file', 'file_1'] : ['file'])
  })

test('what has nothing in common comes as a whole, and so do files of one block and those behind a file stage', async (t) => {
  const other = randomContent(3 * MIB, 9)
  const store = standing({ file: OLD, small: OLD, staged: OLD })
  const asked: string[] = []
  const find = store.basis!
  store.basis = (entry) => {
    asked.push(entry.path)
    return find.call(store, entry)
  }
  const small = OLD.subarray(0, MIB)
  const { code, came } = await update({ file: other, small }, { store, conflict: 'overwrite' })
  t.is(code, 'completed completed')
  t.is(came, other.length + small.length)
  t.true(store.files.get('file')!.bytes.equals(other))
  t.deepEqual(asked, ['file'])
  const staged = OLD.subarray(0, 2 * MIB)
  const stages = { file: [() => mapCuts((cut) => cut)] }
  t.is((await update({ staged }, { store, conflict: 'overwrite', stages })).came, staged.length)
  t.deepEqual(asked, ['file'])
})

/** A new version of a content, by edits at random places. */
function edited(content: Buffer, edits: readonly [kind: number, at: number, length: number][]): Buffer {
  let now = content
  for (const [kind, place, length] of edits) {
    const at = Math.floor((place / 1000) * now.length)
    const [head, tail] = [now.subarray(0, at), now.subarray(at)]
    if (kind === 0) now = Buffer.concat([head, randomContent(length, at), tail])
    else if (kind === 1) now = Buffer.concat([head, tail.subarray(length)])
    else if (kind === 2) now = Buffer.concat([head, randomContent(length, at), tail.subarray(length)])
    else now = Buffer.concat([tail, head])
  }
  return now
}

test('after random edits, and with a connection that breaks again and again, it is equal in the end', async (t) => {
  const edit = fc.tuple(fc.nat(3), fc.nat(1000), fc.integer({ min: 1, max: 200_000 }))
  const edits = fc.array(edit, { minLength: 1, maxLength: 4 })
  const cuts = fc.array(fc.nat(3 * MIB), { maxLength: 3 })
  const old = OLD.subarray(0, 3 * MIB)
  await fc.assert(
    fc.asyncProperty(edits, cuts, fc.constantFrom('blocks', 'sha256'), async (edits, cuts, algorithm) => {
      const content = edited(old, edits)
      const store = standing({ file: old })
      const receiving = { store, conflict: 'overwrite' } as const
      for (const cutAfter of cuts) {
        await update({ file: content }, receiving, { forth: { cutAfter }, algorithm })
        const { bytes } = store.files.get('file')!
        t.true(bytes.equals(old) || bytes.equals(content), 'the old version stands until the new one does')
      }
      t.is((await update({ file: content }, receiving, { algorithm })).code, 'completed completed')
      t.true(store.files.get('file')!.bytes.equals(content))
    }),
    { numRuns: scale(5, 400) },
  )
})

test('what stands and changes while it is read, or cannot be read, makes no wrong file', async (t) => {
  const content = Buffer.concat([Buffer.of(1), OLD.subarray(0, 4 * MIB)])
  const lies: Record<string, (bytes: Buffer, reads: number) => void> = {
    'it changes once it was cut': (bytes, reads) => {
      if (reads > 4) bytes[3]! ^= 1
    },
    'some of it changes': (bytes, reads) => {
      if (reads % 7 === 6) bytes[3]! ^= 1
    },
    'it cannot be read': () => {
      throw new Error('gone')
    },
    'it becomes shorter': (_, reads) => {
      if (reads > 20) throw new Error('gone')
    },
  }
  for (const [what, lie] of Object.entries(lies)) {
    const store = standing({ file: OLD.subarray(0, 4 * MIB) })
    const find = store.basis!
    let closed = 0
    store.basis = async (entry) => {
      const { size, open } = (await find.call(store, entry))!
      let reads = 0
      const lying = async () => {
        const { read } = await open()
        return {
          read: async (position: number, into: Buffer) => {
            await read(position, into)
            lie(into, ++reads)
          },
          close: () => void closed++,
        }
      }
      return { size, open: lying }
    }
    const { code, came, proved } = await update({ file: content }, { store, conflict: 'overwrite' })
    t.is(code, 'completed completed', what)
    t.true(store.files.get('file')!.bytes.equals(content), what)
    t.is(came + proved, content.length, what)
    t.is(closed, 1, what)
  }
})

test('a part that cannot be written while it is filled fails alone; a store that cannot look for it is told of', async (t) => {
  const content = Buffer.concat([Buffer.of(1), OLD.subarray(0, 4 * MIB)])
  const store = standing({ bad: OLD.subarray(0, 4 * MIB), good: OLD.subarray(0, 4 * MIB) })
  const begin = store.begin.bind(store)
  store.begin = async (entry: Entry) => {
    const part = await begin(entry)
    if (entry.path === 'bad')
      part.write = () => {
        throw Object.assign(new Error('broken'), { code: 'EIO' })
      }
    return part
  }
  t.is(
    (await update({ bad: content, good: content }, { store, conflict: 'overwrite' })).code,
    'ERR_FILES_FAILED ERR_FILES_FAILED',
  )
  t.true(store.files.get('good')!.bytes.equals(content))
  t.true(store.files.get('bad')!.bytes.equals(OLD.subarray(0, 4 * MIB)))
  store.begin = begin
  store.basis = () => {
    throw new Error('no look')
  }
  const warnings: string[] = []
  const warn = ({ message }: Error) => void warnings.push(message)
  const { code, came } = await update({ bad: content }, { store, conflict: 'overwrite', warn })
  t.is(code, 'completed completed')
  t.is(came, content.length)
  t.regex(warnings.join(), /older version of bad/)
})

/** A receiver with an older version of a file, and its sender, played. */
async function asked(t: ExecutionContext, content: Buffer, old: Buffer) {
  const [near, far] = duplexPair()
  const store = standing({ file: old })
  const sources = memorySources(new Map([['file', content]]))
  const { offer } = manifestOfEntries(sources.entries, sources, { name: 'x', algorithm: 'blocks' })
  const transfer = receive(near, {
    store,
    accept: 'all',
    conflict: 'overwrite',
    limits: { closeTimeout: 200 },
  })
  const peer = new Peer(far).say(HELLO, ...offerMessages(offer))
  const { plan } = (await peer.hears('plan')) as { plan: unknown }
  t.deepEqual(plan, [{ count: 1, kind: 'chunks' }])
  return { transfer, peer, store }
}

const said = (offset: number, ...chunks: { length: number; digest: Buffer }[]): Message => ({
  type: 'chunks',
  index: 0,
  offset,
  chunks: packChunks(chunks),
})

test('a receiver refuses chunks that are not the next ones, that go beyond the file, or that come behind its record', async (t) => {
  const old = OLD.subarray(0, 2 * MIB)
  const content = OLD.subarray(0, 3 * MIB)
  const chunk = (length: number) => ({ length, digest: Buffer.alloc(32, 1) })
  const record: Message = { type: 'digests', first: 0, count: 1, bytes: digestOf('blocks', content) }
  const refused: Message[][] = [
    [said(1, chunk(5))],
    [said(0, chunk(5)), said(0, chunk(5))],
    [said(0, chunk(5)), said(6, chunk(5))],
    [said(0, chunk(content.length + 1))],
    [said(0, chunk(content.length)), said(content.length, chunk(1))],
    [record, said(0, chunk(5))],
    [said(0, chunk(5)), record, said(5, chunk(5))],
  ]
  for (const words of refused) {
    const { transfer, peer, store } = await asked(t, content, old)
    peer.say(...words)
    peer.close()
    t.is(
      await transfer.finished.catch(({ code }) => code),
      'ERR_PROTOCOL',
      JSON.stringify(words).slice(0, 80),
    )
    t.true(store.files.get('file')!.bytes.equals(old))
  }
})

test('a sender that lies about chunks is found out by the digest, and one that says too few is asked for the rest', async (t) => {
  const old = OLD.subarray(0, 2 * MIB)
  const content = OLD.subarray(0, 3 * MIB)
  const record: Message = { type: 'digests', first: 0, count: 1, bytes: digestOf('blocks', content) }
  const block = (at: number) => data(at * BLOCK, content.subarray(at * BLOCK, (at + 1) * BLOCK))
  const right = cut(content)
  const twice = [...cut(old, content.length), ...cut(old, content.length)]
  for (const [what, chunks] of Object.entries({ 'too few': right.slice(0, 2), none: [], lies: twice })) {
    const { transfer, peer, store } = await asked(t, content, old)
    let end = 0
    for (const { length, digest } of chunks) {
      if (end + length > content.length) break
      peer.say(said(end, { length, digest }))
      end += length
    }
    peer.say(record)
    for (let requests = 0; ; requests++) {
      t.true(requests < 20)
      const heard = await peer.hears('want', 'outcomes')
      if (heard.type === 'outcomes') break
      for (const runs of [heard.send ?? [], heard.prove ?? []])
        for (let i = 0; i < runs.length; i += 2)
          for (let at = runs[i]!; at < runs[i]! + runs[i + 1]!; at++) {
            if (runs === heard.send) peer.say(block(at))
            const digests = digestOf('blake3', content.subarray(at * BLOCK, (at + 1) * BLOCK))
            peer.say({ type: 'blocks', index: 0, first: at, digests })
          }
      peer.say(record)
    }
    t.true(store.files.get('file')!.bytes.equals(content), what)
    peer.close()
    await transfer.finished.catch(() => {})
  }
})
