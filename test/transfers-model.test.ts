// What both sides do to a transfer whose connections come and go, at random and at the same time.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { prepareDigest } from '../lib/digest/digests.js'
import {
  manifestOfEntries,
  memoryParts,
  memorySources,
  type Offer,
  type SluiceError,
  send,
  type Transfer,
  Transfers,
} from '../lib/index.js'
import { duplexPair, FakeClock, MemoryDisk, randomContent } from '../lib/testing/index.js'
import { nextState } from '../lib/transfer/lifecycle.js'
import { told } from '../lib/wire/outcome.js'
import { scale } from './helpers/scale.js'

type Act =
  | { kind: 'turns'; number: number }
  | { kind: 'pause' | 'resume' | 'cut'; who: 0 | 1 }
  | { kind: 'cancel'; who: 0 | 1; parts: 'keep' | 'discard' }
  | { kind: 'attach'; isAccepted: boolean }
  /** The next attempts to make a connection fail. */
  | { kind: 'unreachable'; attempts: number }

const who = fc.constantFrom<0 | 1>(0, 1)
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('turns' as const), number: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cut' as const), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('attach' as const), isAccepted: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unreachable' as const),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('cancel' as const),
      who,
      parts: fc.constantFrom('keep' as const, 'discard' as const),
    }),
  },
)

/** Turns of the event loop within which a transfer of these files ends that nobody holds up. */
const MOST_TURNS = 100_000

const CONTENTS = new Map([
  ['a/large', randomContent(1_500_000, 1)],
  ['a/b', randomContent(200_000, 2)],
  ['c', randomContent(3000, 3)],
  ['empty', Buffer.alloc(0)],
  ['z/last', randomContent(70_000, 4)],
])

test('pauses, cancels, rejections, what is attached, broken connections and new ones against each other: nothing hangs, nothing is lost, both are of one mind', async (t) => {
  await prepareDigest('blocks')
  const reached: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 3, maxLength: 30 }),
      fc.record({ isAccepted: fc.boolean(), turns: fc.nat(20) }),
      fc.nat(),
      async (acts, answer, seed) => {
        const clock = new FakeClock()
        const sources = memorySources(CONTENTS)
        const store = memoryParts()
        const disk = new MemoryDisk()
        const contents = new Map(CONTENTS)
        for (const n of acts.keys()) {
          contents.set(`${n}`, randomContent(n % 3 === 0 ? 300_000 : n, n))
          disk.put(`/from/${n}`, contents.get(`${n}`)!)
        }
        let asked = 0
        const accept = async (offer: Offer) => {
          if (offer.first > 0) return answers[Number(offer.entries[0]!.path)]!
          asked++
          for (let turn = 0; turn < answer.turns; turn++) await setImmediate()
          // rejections are rare, so that most are about what comes after
          return answer.isAccepted || seed % 4 > 0
        }
        const transfers = new Transfers({ receive: () => ({ store, accept, clock }), clock })
        const ends: Duplex[][] = []
        let unreachable = 0
        const connect = () => {
          if (unreachable-- > 0) throw new Error('nobody is there')
          unreachable = 0
          const pair = duplexPair({
            // slow enough for something to happen meanwhile
            forth: { pieces: 'random', seed: seed + ends.length, delay: 1 },
            back: { pieces: 'random', seed: seed + ends.length + 1, delay: 1 },
            clock,
          })
          ends.push(pair)
          transfers.handle(pair[1]).catch(() => {})
          return pair[0]
        }
        const entries = sources.entries.map((entry) => ({ ...entry, mtime: 0 }))
        const manifest = manifestOfEntries(entries, sources, { name: 'test', algorithm: 'blocks' })
        let received: Transfer | undefined
        once(transfers, 'transfer').then(([transfer]) => {
          received = transfer as Transfer
          watch(received)
        })
        const outcomes = new Map<Transfer, Map<string, string>>()
        /** Notes what is told of each file, and that the states follow each other. */
        const watch = (one: Transfer) => {
          let { state } = one
          const ofFiles = new Map<string, string>()
          outcomes.set(one, ofFiles)
          one.on('state', (next) => {
            state = nextState(state, next)
          })
          one.on('file', ({ path, status, code }) => {
            if (ofFiles.has(path)) throw new Error(`${path} has two outcomes`)
            ofFiles.set(path, `${status} ${code}`)
          })
        }
        const retry = { attempts: 4, pause: 100, longest: 1000 }
        const sent = send(connect, manifest, { clock, open: true, fs: disk, retry })
        const answers: boolean[] = []
        const attached: Promise<string>[] = []
        watch(sent)
        const both = () => [sent, received] as const
        const doing: Record<Act['kind'], (one: never) => unknown> = {
          turns: async ({ number }: { number: number }) => {
            for (let turn = 0; turn < number; turn++) await setImmediate()
          },
          pause: (one: { who: 0 | 1 }) => both()[one.who]?.pause(),
          resume: (one: { who: 0 | 1 }) => both()[one.who]?.resume(),
          attach: ({ isAccepted }: { isAccepted: boolean }) => {
            const n = attached.length
            answers[n] = isAccepted
            const saying = sent.attach([`/from/${n}`])
            const code = ({ code }: SluiceError) => code as string
            attached.push(saying.then(() => 'in', code))
          },
          cut: (one: { who: 0 | 1 }) => ends.at(-1)?.[one.who]?.destroy(),
          unreachable: ({ attempts }: { attempts: number }) => {
            unreachable = attempts
          },
          cancel: (one: { who: 0 | 1; parts: 'keep' | 'discard' }) => {
            both()
              [one.who]?.cancel('enough', { parts: one.parts })
              .catch(() => {})
          },
        }
        // in most runs all that happens happens after the answer
        for (let turn = 0; seed % 4 > 0 && turn < 300 && received?.state !== 'receiving'; turn++) {
          clock.advance(1)
          await setImmediate()
        }
        for (const one of acts) {
          await doing[one.kind](one as never)
          clock.advance(50)
        }
        for (const one of both()) one?.resume()
        sent.end()
        const end = (one: Transfer) =>
          one.finished.then(
            (result) => ({ code: 'completed', files: result.files.map(told) }),
            ({ code }: SluiceError) => ({ code: code as string, files: [] }),
          )
        let atSender: Awaited<ReturnType<typeof end>> | undefined
        void end(sent).then((how) => {
          atSender = how
        })
        for (let turn = 1; atSender === undefined; turn++) {
          if (turn > MOST_TURNS) throw new Error(`it hangs: ${both().map((one) => one?.state)}`)
          if (turn % 50 === 0) clock.advance(500)
          // who was paused by the other side when the connection broke is told again
          if (turn % 1000 === 0) for (const one of both()) one?.resume()
          await setImmediate()
        }
        // a receiver whose sender has gone waits for it no longer
        if (atSender.code !== 'completed') {
          const over = transfers.cancelAll()
          for (let turn = 0; turn < 200; turn++) {
            clock.advance(500)
            await setImmediate()
          }
          await over
        }
        let atReceiver: { code: string; files: unknown[] } | undefined
        if (received) void end(received).then((how) => (atReceiver = how))
        for (let turn = 1; received && atReceiver === undefined; turn++) {
          if (turn > MOST_TURNS) throw new Error(`the receiver hangs: ${received.state}`)
          if (turn % 50 === 0) clock.advance(500)
          await setImmediate()
        }
        reached[atSender.code] = (reached[atSender.code] ?? 0) + 1
        if (ends.length > 1)
          reached['over several connections'] = (reached['over several connections'] ?? 0) + 1
        if (asked > 1) throw new Error(`asked ${asked} times`)
        for (const [path, { bytes }] of store.files) t.true(bytes.equals(contents.get(path)!), path)
        if (received) {
          // what the sender knows, the receiver has said
          for (const [path, outcome] of outcomes.get(sent)!)
            t.is(outcomes.get(received)!.get(path), outcome, path)
          for (const [path, outcome] of outcomes.get(received)!)
            t.is(store.files.has(path), outcome.startsWith('published'), path)
        }
        if (atSender.code !== 'completed') return
        t.is(atReceiver!.code, 'completed')
        t.deepEqual(atReceiver!.files, atSender.files)
        for (const path of CONTENTS.keys()) t.true(store.files.has(path), path)
        for (const [n, how] of (await Promise.all(attached)).entries()) {
          reached[`attached: ${how}`] = (reached[`attached: ${how}`] ?? 0) + 1
          const outcome = outcomes.get(sent)!.get(`${n}`)
          t.is(
            outcome,
            { in: 'published undefined', ERR_REJECTED: 'skipped ERR_REJECTED' }[how],
            `${n}: ${how}`,
          )
        }
      },
    ),
    { numRuns: scale(40, 5000) },
  )
  t.log(JSON.stringify(reached))
})
