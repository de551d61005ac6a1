import { CONFLICTS } from '../../files/publish/policies.js'
import type { Item } from '../../stages/river/items.js'
import type { Conflict } from '../../stores/policy.js'
import { type Cut, cutsOf, type Run, runOf } from '../../wire/run.js'
import { randomContent } from '../splits.js'
import { checkSuite } from './harness/check-suite.js'
import { optionCases, patienceOf } from './harness/moments.js'
import { type ConformanceCase, type ConformanceOptions, ensure, framed } from './harness/probe.js'
import { CLAIM_CASES, LOOKUP_CASES } from './part-store-claims.js'
import {
  changing,
  checkContent,
  type PartStorePlace,
  type Sent,
  StorePlace,
  type TransferOptions,
} from './part-store-transfer.js'

/** Bytes of a frame that make several runs of a few files. */
const SMALL_FRAME = 16
/** Items after which a transfer is torn down, each in its turn. */
const MOMENTS = 16

const text = (content: string) => Buffer.from(content)

const FEW: Sent = {
  'a.txt': text('first'),
  empty: Buffer.alloc(0),
  docs: null,
  'docs/b.txt': text('the second file'),
  'docs/c.txt': randomContent(100),
  last: text('z'),
}

/**
 * The properties of every store of parts, each as a case for any test runner. Files are sent through all stages into a
 * store, and looked for afterwards.
 * @param make an empty place; called once for each case
 */
export function partStoreConformance(
  make: () => PartStorePlace | Promise<PartStorePlace>,
  options: ConformanceOptions = {},
): ConformanceCase[] {
  checkSuite('make', make, options)
  const patience = patienceOf(options)
  const cases: ConformanceCase[] = []
  const add = (name: string, run: (place: StorePlace) => Promise<void>) => {
    cases.push({ name, run: async () => run(new StorePlace(await make(), patience)) })
  }
  const arrives = (name: string, files: () => Sent, received?: () => TransferOptions) =>
    add(name, async (place) => {
      const sent = files()
      await place.check(sent, await place.receive(sent, received?.()))
    })

  arrives('files arrive with their content', () => FEW)
  arrives('a single file arrives', () => ({ 'one.bin': randomContent(1000) }))
  arrives('an empty file arrives', () => ({ empty: Buffer.alloc(0) }))
  arrives('many small files arrive', manySmall)
  arrives('a large file arrives', () => ({ large: randomContent(3 * 1024 * 1024 + 17), small: text('s') }))
  arrives(
    'files arrive byte by byte',
    () => FEW,
    () => ({ before: changing(byteByByte) }),
  )
  arrives('names that mean something to programs arrive as they are', unusualNames)
  add('folders arrive, also those that are not announced', folders)
  add('a folder has the mode of its entry, also if another offer is attached meanwhile', async (place) => {
    const files = { private: null, 'private/file': text('f'), more: text('m') }
    await place.check(files, await place.receive(files, { attach: 'more' }))
    if ((await place.abilities()).hasFolders) await place.checkMode('private')
  })
  add('links are made, or fail; none leads out', links)
  add('nothing is to be seen of a file before it is verified', invisible)
  add('a file of which the digest differs leaves nothing behind', discarded)
  add('a file that the sender gives up leaves nothing behind', givenUp)
  add('a file of which nobody says what it should be is not to be seen, and arrives the next time', kept)
  add('bytes out of order make the right file, or fail it if the store wants them ascending', outOfOrder)
  add('a file that no tap has seen is read back, or fails', readBack)
  for (const conflict of CONFLICTS) add(`a name is taken: '${conflict}'`, (place) => taken(place, conflict))
  add('what is there already is not lost when it comes again', identical)
  add('a folder that finds a file under its name leaves the file', folderOverFile)
  add('torn down at any moment, it shows whole files only, and takes the rest the next time', tornDown)
  for (const [name, run] of Object.entries({ ...CLAIM_CASES, ...LOOKUP_CASES }))
    add(name, async (place) => {
      if (name in LOOKUP_CASES || (await place.abilities()).hasClaims) await run(place)
    })
  cases.push(...optionCases(options))
  return framed(cases, options)
}

function manySmall(): Sent {
  const files: Sent = {}
  for (let i = 0; i < 300; i++) files[`folder ${i % 7}/file ${i}`] = randomContent((i * 37) % 300, i)
  return files
}

function unusualNames(): Sent {
  const names =
    'x|x.part|x.1.part|.sluice/x|constructor|__proto__|naïve/日本|with space|-rf|it\'s "so"|100%|a;b'
  return Object.fromEntries(names.split('|').map((name) => [name, text(`this is ${name}`)]))
}

async function folders(place: StorePlace): Promise<void> {
  const files = { empty: null, 'deep/er': null, 'deep/er/file': text('f'), 'not/announced': text('n') }
  const received = await place.receive(files)
  await place.check(files, received)
  const seen = await place.read()
  if (!(await place.abilities()).hasFolders) return
  for (const path of ['empty', 'deep/er']) ensure(seen.get(path) === null, `the folder ${path} is not there`)
}

async function links(place: StorePlace): Promise<void> {
  const inside = { link: { target: 'file' }, file: text('f') }
  const kept = await place.receive(inside, { symlinks: 'keep' })
  if (kept.outcomes.get('link')?.code !== 'ERR_LINK') await place.check(inside, kept)
  else await place.checkFailed(inside, 'link', kept, ['ERR_LINK'])
  for (const [path, target] of Object.entries({ out: '../file', 'deep/out': '../../file', root: '/' })) {
    const out = { [path]: { target } }
    await place.checkFailed(out, path, await place.receive(out, { symlinks: 'keep' }), ['ERR_LINK'])
  }
}

async function invisible(place: StorePlace): Promise<void> {
  const paths = Object.keys(FEW)
  let looked = 0
  const behind = changing(async (item) => {
    if (item.kind !== 'digests') return [item]
    const seen = await place.read()
    for (let index = item.first; index < item.first + item.count; index++) {
      const path = paths[index]!
      ensure(FEW[path] === null || !seen.has(path), `${path} is to be seen before it is verified`)
      looked++
    }
    return [item]
  })
  await place.check(FEW, await place.receive(FEW, { behind, maxFrame: SMALL_FRAME }))
  ensure(looked > 0, 'nothing was looked for')
}

async function discarded(place: StorePlace): Promise<void> {
  const spoilt = (item: Item): Item[] => {
    if (item.kind !== 'digests' || item.first > 0) return [item]
    const bytes = Buffer.from(item.bytes)
    bytes[0]! ^= 1
    return [{ ...item, bytes }]
  }
  await place.checkFailed(FEW, 'a.txt', await place.receive(FEW, { before: changing(spoilt) }), [
    'ERR_DIGEST',
  ])
  await place.check({ 'a.txt': FEW['a.txt']! }, await place.receive({ 'a.txt': FEW['a.txt']! }))
}

async function givenUp(place: StorePlace): Promise<void> {
  const files = { half: randomContent(200_000), whole: text('whole') }
  const givingUp = (item: Item): Item[] => {
    if (item.kind === 'run')
      return withCuts(item, (cuts) => cuts.filter((cut) => !cut.last || cut.entry.index > 0))
    if (item.kind !== 'digests' || item.first > 0) return [item]
    return [{ ...item, failures: new Map([[0, 'ERR_SOURCE_CHANGED']]) }]
  }
  const received = await place.receive(files, { before: changing(givingUp), maxFrame: 50_000 })
  await place.checkFailed(files, 'half', received, ['ERR_SOURCE_CHANGED'])
}

async function kept(place: StorePlace): Promise<void> {
  const silent = (item: Item) => (item.kind === 'digests' ? [] : [item])
  const received = await place.receive(FEW, { before: changing(silent) })
  const seen = await place.read()
  for (const [path, content] of Object.entries(FEW)) {
    if (content === null) continue
    ensure(!seen.has(path), `${path} was never verified, and is to be seen`)
    ensure(received.outcomes.get(path)?.code === 'ERR_DIGEST', `${path} was never verified, and did not fail`)
  }
  await place.check(FEW, await place.receive(FEW))
}

async function outOfOrder(place: StorePlace): Promise<void> {
  const files = { mixed: randomContent(3000) }
  const mixing = (item: Item): Item[] => {
    if (item.kind !== 'run') return [item]
    const [cut] = [...cutsOf(item)]
    const { entry, bytes, digest } = cut!
    const piece = (from: number, to: number): Cut => {
      const last = to === bytes.length
      return { entry, offset: from, bytes: bytes.subarray(from, to), last, ...(last && digest && { digest }) }
    }
    return [piece(1000, 2000), piece(0, 1000), piece(2000, 3000)].map((one) => runOf(item, [one]))
  }
  const received = await place.receive(files, { before: changing(mixing) })
  if ((await place.abilities()).isAscending)
    await place.checkFailed(files, 'mixed', received, ['ERR_UNSUPPORTED'])
  else await place.check(files, received)
}

async function readBack(place: StorePlace): Promise<void> {
  const files = { untapped: randomContent(3000) }
  const forgetting = (item: Item): Item[] =>
    item.kind === 'run' ? withCuts(item, (cuts) => cuts.map(({ digest: _digest, ...cut }) => cut)) : [item]
  const received = await place.receive(files, { before: changing(forgetting) })
  if (received.outcomes.get('untapped')?.status === 'failed')
    await place.checkFailed(files, 'untapped', received, ['ERR_UNSUPPORTED'])
  else await place.check(files, received)
}

async function taken(place: StorePlace, conflict: Conflict): Promise<void> {
  const old = { 'a.txt': text('the old one') }
  await place.check(old, await place.receive(old))
  const files = { 'a.txt': text('the new one, which is longer'), 'b.txt': text('b') }
  const { conflicts, isTogether } = await place.abilities()
  const received = await place.receive(files, { conflict })
  const seen = await place.read()
  if (!conflicts.includes(conflict)) {
    const isRefused = received.error?.code === 'ERR_USAGE'
    ensure(isRefused, `a policy that it cannot obey gave ${String(received.error)}`)
    checkContent(seen, 'a.txt', old['a.txt'])
    return
  }
  const { status, reason, name, code } = received.outcomes.get('a.txt') ?? {}
  const found = `it was ${status} (${reason ?? code ?? name ?? 'under its own name'})`
  const isOver = conflict === 'overwrite' || conflict === 'replace'
  checkContent(seen, 'a.txt', isOver ? files['a.txt'] : old['a.txt'])
  // nothing of it is published then; what is staged may be found by whoever reads everything
  const isHeldBack = isTogether && conflict === 'fail'
  if (!isHeldBack) checkContent(seen, 'b.txt', files['b.txt'])
  if (isOver) ensure(status === 'published' && name === undefined, found)
  if (conflict === 'skip') ensure(status === 'skipped' && reason === 'conflict', found)
  if (conflict === 'fail') ensure(status === 'failed' && code === 'ERR_CONFLICT', found)
  if (conflict === 'rename') {
    ensure(status === 'published' && name !== undefined, found)
    checkContent(seen, name, files['a.txt'])
  } else if (!isHeldBack) ensure(count(seen) === 2, `${count(seen)} files are to be seen, and 2 should be`)
}

async function identical(place: StorePlace): Promise<void> {
  await place.check(FEW, await place.receive(FEW))
  const [conflict] = (await place.abilities()).conflicts
  const received = await place.receive(FEW, { conflict })
  const seen = await place.read()
  for (const [path, content] of Object.entries(FEW)) {
    checkContent(seen, path, content)
    const { status, reason, code } = received.outcomes.get(path) ?? {}
    ensure(status !== 'failed' || code === 'ERR_CONFLICT', `${path} failed with ${code}`)
    if (reason === 'identical') ensure(status === 'skipped', `${path} was ${status}, and is identical`)
  }
}

async function folderOverFile(place: StorePlace): Promise<void> {
  const old = { docs: text('no folder') }
  await place.check(old, await place.receive(old))
  const files = { docs: null, 'docs/inside': text('inside') }
  const { outcomes } = await place.receive(files)
  const seen = await place.read()
  checkContent(seen, 'docs', old.docs)
  const { status, name = 'docs/inside' } = outcomes.get('docs/inside') ?? {}
  if (status === 'published') checkContent(seen, name, files['docs/inside'])
}

async function tornDown(place: StorePlace): Promise<void> {
  const files: Sent = { ...FEW, large: randomContent(150_000) }
  const { conflicts } = await place.abilities()
  const conflict = conflicts.find((one) => one === 'overwrite' || one === 'replace') ?? conflicts[0]
  for (let moment = 0; moment < MOMENTS; moment++) {
    const controller = new AbortController()
    let passed = 0
    const before = changing((item) => {
      if (passed++ === moment) controller.abort()
      return [item]
    })
    await place.receive(files, { before, conflict, signal: controller.signal, maxFrame: 20_000 })
    for (const [path, content] of await place.read())
      if (content !== null && Object.hasOwn(files, path))
        checkContent(new Map([[path, content]]), path, files[path]!)
  }
  if (conflict !== 'fail') await place.check(files, await place.receive(files, { conflict }))
}

function count(seen: ReadonlyMap<string, unknown>): number {
  return [...seen.values()].filter((content) => content !== null).length
}

function withCuts(run: Run, change: (cuts: Cut[]) => Cut[]): Item[] {
  return [runOf(run, change([...cutsOf(run)]))]
}

/** Each byte in a run of its own, and each entry of no bytes. */
function byteByByte(item: Item): Item[] {
  if (item.kind !== 'run') return [item]
  const runs: Item[] = []
  for (const cut of cutsOf(item)) {
    const { bytes, offset, last, digest, entry } = cut
    for (let at = 0; at < Math.max(1, bytes.length); at++) {
      const ends = last && at + 1 >= bytes.length
      const piece = { entry, offset: offset + at, bytes: bytes.subarray(at, at + 1), last: ends }
      runs.push(runOf(item, [{ ...piece, ...(ends && digest && { digest }) }]))
    }
  }
  return runs
}
