import test from 'ava'
import fc from 'fast-check'
import { foldName, parentOf } from '../../lib/files/disk/names.js'
import { CONFLICTS } from '../../lib/files/publish/policies.js'
import { PUBLISHINGS, type Unless } from '../../lib/stores/policy.js'
import { areSomeOne, faultsIn, type Scene } from '../helpers/name-scenes.js'
import { scale } from '../helpers/scale.js'

// Trees whose names are those that suffixes make of others: each acknowledged file is there in the end, under the name
// that its outcome says, nothing is lost that was not to be overwritten, and the same again changes nothing.

const UNLESS: readonly Unless[] = ['identical', 'unchanged', 'newer', 'nothing']
const WHERE = ['memory', 'disk', 'a disk that ignores case'] as const
const TIME = 1_600_000_000_000
const LATER = TIME + 1000

/**
 * What is sent, each of the same time, and what stands there: text is a file of another time, `null` a folder with a
 * file in it.
 */
const CASES: Record<string, { sent: Record<string, string>; before: Record<string, string | null> }> = {
  'a folder in the way of a file': { sent: { a: 'x', a_1: 'y' }, before: { a: null } },
  'a file in the way of a folder': { sent: { 'd/x': 'x', 'd_1/x': 'y' }, before: { d: 'mine' } },
  'a file in the way of a file': { sent: { a: 'x', a_1: 'y', a_1_1: 'z' }, before: { a: 'mine' } },
  'names that are one where case is ignored': { sent: { a: 'x', A: 'y', a_1: 'z' }, before: { a: null } },
  'folders in the way of both': { sent: { a: 'x', A: 'y' }, before: { a: null, A: null } },
  'folders that are one there': { sent: { 'd/x': 'x', 'D/x': 'y', 'd/X': 'x' }, before: { 'd/x': null } },
}

/** Every way to receive but for `unless`. */
const RECEIVING = (['rename', 'overwrite', 'replace'] as const).flatMap((conflict) =>
  PUBLISHINGS.flatMap((publish) =>
    WHERE.flatMap((where) => [true, false].map((answers) => ({ conflict, publish, where, answers }))),
  ),
)

for (const [name, { sent, before }] of Object.entries(CASES))
  for (const [number, unless] of UNLESS.entries())
    test(`two of a transfer never get one name: ${name}, unless ${unless}`, async (t) => {
      // the short run has each way to receive with one `unless`
      const step = scale(UNLESS.length, 1, 1)
      for (const [way, receiving] of RECEIVING.entries()) {
        if ((way + Math.floor(way / step) + number) % step > 0) continue
        const scene: Scene = {
          sent: new Map(Object.entries(sent).map(([path, text]) => [path, { text, time: TIME }])),
          before: new Map(
            Object.entries(before).map(([path, text]) => [path, text === null ? null : { text, time: 1000 }]),
          ),
          ...{ ...receiving, unless, concurrency: 8, isQuick: true },
        }
        t.deepEqual(await faultsIn(scene), [], JSON.stringify(receiving))
      }
    })

const FOLDING = { where: 'a disk that ignores case', answers: true, concurrency: 1, isQuick: false } as const

/** What was found by the trees at the end, each text of one time unless it is said. */
const FOUND: Record<
  string,
  Partial<Scene> & { files: Record<string, string>; folder?: string; later?: string; mine?: string }
> = {
  'two of the same content are not one where one of them is there by its time, with other content': {
    files: { 'D/x': 'x', 'd/x': 'x' },
    later: 'D/x',
    mine: 'd/X',
    unless: 'unchanged',
    publish: 'together',
    answers: false,
  },
  'outcomes are told in the order of their entries, also of what waited for all': {
    files: { 'd/X': 'x', 'D/x': 'x' },
    publish: 'together',
  },
  'what has another spelling where it waits is told under the name that it gets': {
    files: { 'D/x': 'x', 'd/X': 'x' },
    folder: 'D/x',
    publish: 'together',
  },
  'what has another spelling where it waits is not taken for what an earlier run left': {
    files: { 'd/x_1': 'x', 'D/x': 'x' },
    folder: 'd/X',
    conflict: 'fail',
    publish: 'together',
    answers: false,
  },
  'a folder in which something was found by its time is not replaced': {
    files: { d: 'x', 'D/x': 'x' },
    conflict: 'replace',
    unless: 'newer',
  },
  'nor is one that two files want to replace at the same moment': {
    files: { 'D/x': 'x', d: 'x' },
    folder: 'd/x',
    conflict: 'replace',
    answers: false,
    concurrency: 8,
  },
}

for (const [name, { files, folder, later, mine, ...more }] of Object.entries(FOUND))
  test(name, async (t) => {
    const timeOf = (path: string) => (path === later ? LATER : TIME)
    const sent = new Map(Object.entries(files).map(([path, text]) => [path, { text, time: timeOf(path) }]))
    const before: Scene['before'] = new Map(folder === undefined ? [] : [[folder, null]])
    if (mine !== undefined) before.set(mine, { text: 'y', time: LATER })
    const common = { conflict: 'rename', unless: 'identical', publish: 'each', ...FOLDING } as const
    t.deepEqual(await faultsIn({ ...common, sent, before, ...more }), [])
  })

const NAMES = ['a', 'a_1', 'a_1_1', 'a_2', 'A', 'd', 'd_1', 'd/x', 'd/x_1', 'd_1/x', 'D/x', 'd/X']
const TIMES = [TIME, LATER]

const file = fc.record({ text: fc.constantFrom('x', 'y', 'zz'), time: fc.constantFrom(...TIMES) })

/** Without what is below another of them that is a file. */
function asTree<T>(entries: [string, T][], isFolder: (value: T) => boolean, fold = (name: string) => name) {
  const tree = new Map<string, T>()
  const folders = new Set<string>()
  const files = new Set<string>()
  for (const [path, value] of entries) {
    const name = fold(path)
    const above = fold(parentOf(path))
    if (files.has(name) || folders.has(name) || files.has(above)) continue
    if (above !== '') folders.add(above)
    if (isFolder(value)) folders.add(name)
    else files.add(name)
    tree.set(path, value)
  }
  return tree
}

const entries = <T>(value: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), value), { selector: ([path]) => path, maxLength })

const scenes: fc.Arbitrary<Scene> = fc
  .record({
    sent: entries(file, 6),
    before: entries(fc.option(file, { freq: 2 }), 5),
    conflict: fc.constantFrom(...CONFLICTS),
    unless: fc.constantFrom(...UNLESS),
    publish: fc.constantFrom(...PUBLISHINGS),
    where: fc.constantFrom(...WHERE),
    answers: fc.boolean(),
    concurrency: fc.constantFrom(1, 8),
    isQuick: fc.boolean(),
  })
  .map((scene) => {
    const fold = scene.where === 'a disk that ignores case' ? foldName : undefined
    const sent = asTree(scene.sent, () => false)
    const before = asTree(scene.before, (value) => value === null, fold)
    return { ...scene, sent, before }
  })
  // the suffix that one of two gets while they wait is taken for its own name in the end
  .filter((scene) => scene.publish === 'each' || scene.unless !== 'newer' || !areSomeOne(scene))

test('each acknowledged file is there under the name that is told, nothing else is lost, and a rerun changes nothing', async (t) => {
  await fc.assert(
    fc.asyncProperty(scenes, async (scene) => {
      const faults = await faultsIn(scene)
      if (faults.length > 0) throw new Error(faults.join('; '))
    }),
    { numRuns: scale(80, 20_000), includeErrorInReport: true },
  )
  t.pass()
})
