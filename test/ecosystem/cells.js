// What is tried with each duplex, each wire stage and each file stage: the columns of the tables.
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compression, cutsOf, encryption, runOf } from '../../dist/lib/index.js'
import {
  duplexConformance,
  sampleItems,
  transformConformance,
  wireStageConformance,
} from '../../dist/lib/testing/index.js'
import { converse, cutByHand, FILES, goneBefore, moveByHand, stopped } from './transfers.js'

const back = ([near, far]) => [far, near]

function wire() {
  const key = Buffer.alloc(32, 7)
  return { stages: { wire: [compression(), encryption({ key })] } }
}

/** Pings go either way while the answer takes its time. */
const CHATTY = { limits: { pingInterval: 5, closeTimeout: 600_000 } }
const LATE = { ...CHATTY, accept: () => new Promise((resolve) => setTimeout(resolve, 100, true)) }

/** Whom a crash of the process is told, if anybody waits for one. */
export const crash = { heard: undefined }

/** Somebody who lacks so much is asked no further: each question takes its time. */
const MOST_LACKS = 8

/**
 * The cases of a conformance suite that fail: what somebody else's stream lacks, without Sluice. One that crashes the
 * process fails as well.
 */
async function failing(cases) {
  const lacks = new Map()
  for (const { name, run } of cases) {
    if (lacks.size === MOST_LACKS) break
    const crashed = new Promise((resolve) => {
      crash.heard = (error) => {
        lacks.set(name, `crash: ${error?.message}`)
        resolve()
      }
    })
    const failed = run().catch((error) => lacks.set(name, error.message))
    await Promise.race([failed, crashed])
    // what it has left may crash a moment later
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  crash.heard = undefined
  return { lacks: [...lacks] }
}

const SUITE = { patience: 2500, many: 2 * 1024 * 1024 }

/** A disk is slower than a connection: what was not read yet when the other end has ended must not be lost. */
export const SLOW_READER = 'pipeline() out of it gives a slow reader all'

const slowReader = (pair) => ({
  name: SLOW_READER,
  run: async () => {
    const [near, far] = await pair()
    let length = 0
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk, _encoding, done) => {
        setTimeout(done, length === 0 ? 30 : 1)
        length += chunk.length
      },
    })
    const pieces = Array.from({ length: 5 }, () => Buffer.alloc(1000))
    const moved = Promise.all([pipeline(Readable.from(pieces), near), pipeline(far, slow)])
    const late = new Promise((_resolve, reject) => {
      setTimeout(() => reject(new Error('it did not end')), SUITE.patience).unref()
    })
    try {
      await Promise.race([moved, late])
    } finally {
      for (const end of [near, far]) end.destroy()
    }
    if (length !== 5000) throw new Error(`${length} of 5000 bytes came`)
  },
})

/** Each is given a function that makes a fresh pair of ends. */
export const OF_DUPLEXES = {
  suite: (pair) => failing([...duplexConformance(pair, SUITE), slowReader(pair)]),
  'by hand': async (pair) => {
    await moveByHand(await pair())
    await moveByHand(back(await pair()))
  },
  conversation: async (pair) => {
    await converse(await pair())
    await converse(back(await pair()))
  },
  'wire stages': async (pair) => converse(await pair(), { sending: wire(), receiving: wire() }),
  'signs of life': async (pair) => converse(await pair(), { sending: CHATTY, receiving: LATE }),
  cancelled: async (pair) => {
    await stopped(await pair(), (sent) => sent.cancel(), 'cancelled')
    await stopped(await pair(), (_sent, received) => received.cancel(), 'cancelled')
  },
  cut: async (pair) => {
    for (const end of [0, 1]) {
      const ends = await pair()
      await stopped(ends, () => ends[end].destroy(), 'interrupted')
    }
  },
  'cut by hand': async (pair) => {
    for (const end of [0, 1]) await cutByHand(await pair(), end)
  },
  'gone before': async (pair) => goneBefore(await pair()),
}

/** Each is given a function that makes a connection with a wire stage, and is for one transfer. */
export const OF_WIRE_STAGES = {
  suite: async (pair) => {
    const { stage } = await pair()
    return failing(wireStageConformance(stage, SUITE))
  },
  'by hand': async (pair) => {
    const ends = await pair()
    const { outgoing, incoming } = ends.stage()
    await moveByHand(ends, { outgoing: [outgoing()], incoming: [incoming()] })
  },
  conversation: async (pair) => {
    const ends = await pair()
    await converse(ends, inConversation(ends.stage))
    const others = await pair()
    await converse(back(others), inConversation(others.stage))
  },
  cancelled: async (pair) => {
    const ends = await pair()
    await stopped(ends, (sent) => sent.cancel(), 'cancelled', inConversation(ends.stage, null))
  },
}

/** A handshake that does not end is given up before the cell is. */
const GIVEN_UP = { closeTimeout: 600_000, handshakeTimeout: 5000 }

function inConversation(stage, limits = GIVEN_UP) {
  const side = () => ({ stages: { wire: [stage()] }, ...(limits && { limits }) })
  return { sending: side(), receiving: side() }
}

const unchanged = (item) => item

/** Takes some files away, and gives the others another name. */
function filtered(item) {
  if (item.kind !== 'run') return item
  const cuts = Array.from(cutsOf(item), (cut) => ({
    ...cut,
    entry: { ...cut.entry, path: `${cut.entry.path}.kept` },
  }))
  const kept = cuts.filter(({ entry }) => !entry.path.endsWith('.jpg.kept'))
  return kept.length > 0 ? runOf(item, kept) : undefined
}

const KEPT = new Map(
  [...FILES].filter(([path]) => !path.endsWith('.jpg')).map(([path, bytes]) => [`${path}.kept`, bytes]),
)

/** Each is given a function that makes a connection with a file stage. */
export const OF_FILE_STAGES = {
  suite: async (pair) => {
    const { stage } = await pair()
    const [offer, run] = await sampleItems()
    return failing(
      transformConformance(() => stage(unchanged), {
        input: sampleItems,
        expected: sampleItems,
        ...SUITE,
        many: () => [offer, ...Array.from({ length: 1000 }, () => run)],
      }),
    )
  },
  'by hand': async (pair) => {
    const ends = await pair()
    await moveByHand(ends, { file: [ends.stage(filtered)], missing: 'skip', files: KEPT })
  },
  conversation: async (pair) => {
    const ends = await pair()
    await converse(ends, { receiving: { stages: { file: [() => ends.stage(filtered)] } }, files: KEPT })
  },
  cancelled: async (pair) => {
    const ends = await pair()
    const file = [() => ends.stage(filtered)]
    await stopped(ends, (_sent, received) => received.cancel(), 'cancelled', {
      receiving: { stages: { file } },
    })
  },
}
