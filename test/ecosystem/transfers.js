// What is moved over each duplex, by hand and in the conversation, and what must have become of it.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestFrom,
  manifestOfEntries,
  memorySources,
  partSink,
  receive,
  send,
} from '../../dist/lib/index.js'
import { randomContent } from '../../dist/lib/testing/index.js'

/** Where all goes well nothing waits: it would hang here. */
const LIMITS = { closeTimeout: 600_000 }

/** Where nothing is heard of an end that is destroyed, silence says it; and whoever does not take the last word is left. */
const IMPATIENT = { pingInterval: 500, idleTimeout: 3000, closeTimeout: 3000 }

/** How long anything may take before it counts as hanging, in milliseconds. */
const PATIENCE = 12_000

export const FILES = new Map([
  ['empty', Buffer.alloc(0)],
  ...Array.from({ length: 30 }, (_, n) => [`small/${n}.txt`, Buffer.from(`the file ${n}\n`.repeat(n))]),
  ['ünïcode 日本/🙂.jpg', Buffer.from('smile')],
  ['z large.bin', randomContent(3_000_000)],
])

function manifest() {
  const store = memorySources(FILES)
  return manifestOfEntries(store.entries, store, { name: 'all' })
}

/** The result of `promise`, or an error that says that it did not come. */
export async function within(what, promise) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${what}`)), PATIENCE)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Runs with a folder that is there for so long. */
async function inFolder(run) {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-ecosystem-'))
  try {
    return await run(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Throws unless the folder has these files, and no other. */
export async function expectFiles(dir, wanted = FILES) {
  const found = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  if (found.length !== wanted.size) throw new Error(`${found.length} files came, not ${wanted.size}`)
  for (const [path, bytes] of wanted)
    if (!(await readFile(join(dir, path))).equals(bytes)) throw new Error(`${path} came with other bytes`)
}

/** What waits until both ends are closed. To be called before they may be. */
function closing(ends) {
  const closed = ends.map((end) => new Promise((resolve) => end.once('close', resolve)))
  const gone = () => Promise.all(ends.map((end, at) => end.destroyed === true || closed[at]))
  return () => within('an end that is left open', gone())
}

/** Throws if anything has a name of what was not sent to its end; its part may stay, to go on with. */
async function expectNoFile(dir) {
  if ((await readdir(dir)).includes('unending')) throw new Error('half a file was published')
}

/** The two sides by hand, with stages of one's own. */
export function byHand(
  [near, far],
  dir,
  { source = manifest(), outgoing = [], incoming = [], file = [], missing } = {},
) {
  const received = pipeline(
    far,
    ...incoming,
    deframer(),
    demuxer(),
    hashTap(),
    ...file,
    partSink({ dir }),
    finalizer({ missing }),
  )
  const sent = pipeline(fileSource(source), hashTap(), framer(), ...outgoing, near)
  return [sent, received]
}

/** Everything over a pair of ends by hand, and that it is there. */
export const moveByHand = (ends, { files, ...stages } = {}) =>
  inFolder(async (dir) => {
    await within('a pipeline', Promise.all(byHand(ends, dir, stages)))
    await expectFiles(dir, files)
  })

/** The two sides of a conversation. */
function talk([near, far], dir, { source = manifest(), sending, receiving } = {}) {
  const received = receive(far, { dir, accept: 'all', limits: LIMITS, ...receiving })
  return [send(near, source, { limits: LIMITS, ...sending }), received]
}

/** Everything in a conversation, and that it is there. */
export const converse = (ends, { files, ...options } = {}) =>
  inFolder(async (dir) => {
    const closed = closing(ends)
    const sides = talk(ends, dir, options)
    const ended = Promise.allSettled(sides.map(({ finished }) => finished))
    await within(`finished, of a side that is ${sides.map(({ state }) => state).join(' or ')}`, ended)
    for (const { state, finished } of sides)
      if (state !== 'completed') throw new Error(`it is ${state}: ${await finished.catch(messageOf)}`)
    await closed()
    await expectFiles(dir, files)
  })

/** A conversation in the middle of which `what` happens: both sides must end in this state. */
export const stopped = (ends, what, state, options) =>
  inFolder(async (dir) => {
    const limits = IMPATIENT
    const sending = { limits, ...options?.sending }
    const receiving = { limits, ...options?.receiving }
    const closed = closing(ends)
    const [sent, received] = talk(ends, dir, { source: unending(), sending, receiving })
    received.once('progress', () => what(sent, received))
    const ended = Promise.allSettled([sent.finished, received.finished])
    await within(`finished, of a side that was to be ${state}`, ended)
    for (const side of [sent, received])
      if (side.state !== state)
        throw new Error(`${side.state}, not ${state}: ${await side.finished.catch(messageOf)}`)
    await closed()
    await expectNoFile(dir)
  })

/** By hand, while an end is destroyed in the middle: both pipelines must fail. */
export const cutByHand = (ends, destroyed) =>
  inFolder(async (dir) => {
    let hasBegun = false
    const began = new PassThrough({
      transform(chunk, _encoding, done) {
        if (!hasBegun) ends[destroyed].destroy()
        hasBegun = true
        done(null, chunk)
      },
    })
    const sides = byHand(ends, dir, { source: unending(), incoming: [began] })
    for (const { status } of await within('a pipeline', Promise.allSettled(sides)))
      if (status !== 'rejected') throw new Error('a pipeline that was cut says that all went well')
    await expectNoFile(dir)
  })

/** A transfer over an end that was destroyed before: it must be interrupted. */
export const goneBefore = (ends) =>
  inFolder(async (dir) => {
    for (const end of ends) end.on('error', () => {})
    ends[0].destroy()
    await new Promise(setImmediate)
    const transfer = receive(ends[0], { dir, accept: 'all', limits: LIMITS })
    const told = await within(
      'finished',
      transfer.finished.then(() => 'no error', messageOf),
    )
    if (transfer.state !== 'interrupted') throw new Error(`it is ${transfer.state}: ${told}`)
  })

/** A file of which some comes, and then neither more nor its end. */
function unending() {
  const stream = new PassThrough()
  stream.on('error', () => {})
  stream.write(randomContent(4_000_000))
  return manifestFrom(stream, { name: 'unending' })
}

export function messageOf(error) {
  return error instanceof Error ? [error.code, error.message].filter(Boolean).join(' ') : String(error)
}
