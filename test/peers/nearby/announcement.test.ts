import test from 'ava'
import fc from 'fast-check'
import {
  announcementOf,
  announcementsIn,
  answerOf,
  isOf,
  isQuestion,
  QUESTION,
} from '../../../lib/peers/nearby/announcement.js'
import { loadCodec } from '../../../lib/peers/nearby/codec.js'

const codec = await loadCodec()
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((all) => Buffer.from(all))
const port = fc.integer({ min: 1, max: 65_535 })
const again = (packet: Parameters<typeof codec.encode>[0]) => codec.decode(Buffer.from(codec.encode(packet)))!

test('an announcement comes out of its packet as it went in, and is recognised by its key', (t) => {
  const holds = (key: Buffer, number: number, nonce: Buffer) => {
    const announcement = announcementOf(key, number, nonce)
    const packet = again(answerOf(announcement))
    t.deepEqual(announcementsIn(packet), [announcement])
    t.true(isOf(announcementsIn(packet)[0]!, key))
    t.false(isQuestion(packet))
  }
  fc.assert(fc.property(bytes(32), port, bytes(16), holds))
})

test('another key does not recognise it, nor does the same one once anything was changed', (t) => {
  const holds = (key: Buffer, other: Buffer, number: number, changed: number, nonce: Buffer) => {
    const announcement = announcementOf(key, number, nonce)
    t.is(isOf(announcement, other), key.equals(other))
    t.is(isOf({ ...announcement, port: changed }, key), number === changed)
    t.false(isOf({ ...announcement, nonce: Buffer.from(nonce.map((byte) => byte ^ 1)) }, key))
  }
  fc.assert(fc.property(bytes(32), bytes(32), port, port, bytes(16), holds))
})

test('each start has another name, from which nothing can be told', (t) => {
  const key = Buffer.alloc(32, 7)
  const [one, other] = [announcementOf(key, 7000), announcementOf(key, 7000)]
  t.notDeepEqual(one.nonce, other.nonce)
  t.notDeepEqual(one.tag, other.tag)
})

test('one that is taken back is none', (t) => {
  t.deepEqual(announcementsIn(again(answerOf(announcementOf(Buffer.alloc(32), 1), true))), [])
})

test('a question is one, and says nothing else', (t) => {
  t.true(isQuestion(again(QUESTION)))
  t.deepEqual(announcementsIn(again(QUESTION)), [])
  t.is(again(QUESTION).questions?.length, 1)
})

test('whatever somebody sends is either no packet or one without announcements, and nothing is thrown', (t) => {
  const whole = Buffer.from(codec.encode(answerOf(announcementOf(Buffer.alloc(32, 1), 7000))))
  const changed = fc
    .tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length))
    .map(([at, by, cut]) => {
      const bad = Buffer.from(whole)
      bad[at]! ^= by
      return bad.subarray(0, cut)
    })
  const labelled = fc
    .uint8Array({ maxLength: 1600 })
    .map((all) => Buffer.from([...all, ...whole.subarray(12)]))
  const holds = (given: Buffer) => {
    const packet = codec.decode(given)
    for (const { nonce, tag, port: number } of packet ? announcementsIn(packet) : [])
      t.deepEqual([nonce.length, tag.length, number > 0 && number < 65_536], [16, 16, true])
  }
  fc.assert(fc.property(fc.oneof(changed, labelled), holds), { numRuns: 2000 })
  t.pass()
})

test('what is said of others in a network is not looked at, nor is a packet that is too long or too full', (t) => {
  const other = codec.encode({ type: 'query', questions: [{ type: 'PTR', name: '_ipp._tcp.local' }] })
  t.is(codec.decode(Buffer.from(other)), undefined)
  const questions = Array.from({ length: 100 }, () => QUESTION.questions![0]!)
  t.is(codec.decode(Buffer.from(codec.encode({ type: 'query', questions }))), undefined)
  const many = Buffer.from(codec.encode(QUESTION))
  t.truthy(codec.decode(many))
  many.writeUInt16BE(33, 6)
  t.is(codec.decode(many), undefined)
})

test('records that are none of ours are passed over: of another name, without a port or its tag', (t) => {
  const { answers = [] } = answerOf(announcementOf(Buffer.alloc(32), 7000))
  const [, srv, txt] = answers
  const none = [
    [srv!],
    [txt!],
    [
      { ...srv!, name: 'bob._sluice._tcp.local' },
      { ...txt!, name: 'bob._sluice._tcp.local' },
    ],
    [srv!, { ...txt!, data: 'tag=0' }],
    [{ ...srv!, data: { port: 0, target: 'x.local' } }, txt!],
    [srv!, { ...txt!, name: `0${txt!.name.slice(1)}x` }],
  ]
  for (const records of none)
    t.deepEqual(announcementsIn(again({ type: 'response', answers: records as typeof answers })), [])
})
