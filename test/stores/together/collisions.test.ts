// Two files of one transfer that get one name, as a file stage may have it: published together they are skipped, or
// fail, as when each is published alone.
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import type { FileOutcome, SluiceError } from '../../../lib/errors.js'
import { type Conflict, mapCuts, type ReceiveOptions, receive, send } from '../../../lib/index.js'
import { duplexPair } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'

type Renaming = (path: string) => string

/** What a file stage makes of the paths in a folder `top`. */
const RENAMINGS: Record<string, Renaming> = {
  'all of them to one name, which is taken': () => 'taken',
  'one to the name of the next': (path) => path.replace(/a$/, 'b'),
  'one to the name of a folder': (path) => path.replace(/a$/, 'folder'),
  'one into a folder with the name of the next': (path) => path.replace(/a$/, 'b/under'),
  'two to the names of each other': (path) => path.replace(/[ab]$/, (name) => (name === 'a' ? 'b' : 'a')),
}

const renaming = (rename: Renaming) => () =>
  mapCuts((cut) => {
    const { entry } = cut
    return entry.type === 'file' ? { ...cut, entry: { ...entry, path: rename(entry.path) } } : cut
  })

async function transferred(paths: string[], options: Omit<ReceiveOptions, 'accept'>) {
  const [near, far] = duplexPair()
  send(near, paths).finished.catch(() => {})
  const { finished } = receive(far, { ...options, accept: 'all' })
  const outcomes: readonly FileOutcome[] = await finished.then(
    ({ files }) => files,
    (error: SluiceError) => error.outcomes ?? [],
  )
  return new Map(outcomes.map(({ path, status, code }) => [path, `${status} ${code ?? ''}`]))
}

const visible = async (dir: string) => {
  const all = Object.entries(await listing(dir, { times: false }))
  return all.filter(([path]) => !path.startsWith('.sluice'))
}

for (const conflict of ['skip', 'fail'] satisfies Conflict[])
  for (const [what, rename] of Object.entries(RENAMINGS))
    test(`under ${conflict}, files that get one name meet as they do alone: ${what}`, async (t) => {
      const from = await plant(await temporary(t), {
        'top/a': 'of a',
        'top/b': 'of b',
        'top/folder/c': 'of c',
      })
      const results = []
      for (const publish of ['each', 'together'] as const) {
        const dir = await plant(await temporary(t), { taken: 'of the user' })
        const stages = { file: [renaming(rename)] }
        const options = { dir, conflict, publish, stages, concurrency: 1 }
        const outcomes = await transferred([join(from, 'top')], options)
        results.push({ outcomes, seen: await visible(dir) })
      }
      const [each, together] = [results[0]!, results[1]!]
      const hasFailed = [...each.outcomes.values()].some((outcome) => outcome.startsWith('failed'))
      if (!hasFailed) return t.deepEqual(together, each)
      t.true([...together.outcomes.values()].every((outcome) => outcome.startsWith('failed')))
      t.true([...together.outcomes.values()].includes('failed ERR_CONFLICT'))
      t.deepEqual(together.seen, await visible(await plant(await temporary(t), { taken: 'of the user' })))
    })

for (const conflict of ['rename', 'skip', 'fail'] satisfies Conflict[])
  test(`what an earlier run staged takes no name from what comes in its place, changed: ${conflict}`, async (t) => {
    // each comes in several runs, so that it is staged alone
    const content = (what: string) => what.padEnd(300_000)
    const from = await plant(await temporary(t), { a: content('first'), b: content('b') })
    const times = () => utimes(join(from, 'a'), 1e9, 1e9)
    await times()
    const dir = await temporary(t)
    const paths = ['a', 'b'].map((name) => join(from, name))
    const options = { dir, conflict, publish: 'together' as const }
    const refusing = () =>
      mapCuts((cut) => {
        if (basename(cut.entry.path) === 'b') throw new Error('refused')
        return cut
      })
    await transferred(paths, { ...options, stages: { file: [refusing] } })
    t.deepEqual(await visible(dir), [])
    await writeFile(join(from, 'a'), content('second'))
    await times()
    // for a stage each of them is another file by now, also where it keeps its path
    const outcomes = await transferred(paths, { ...options, stages: { file: [renaming((path) => path)] } })
    t.deepEqual([...outcomes.values()], ['published ', 'published '])
    t.is((await readFile(join(dir, 'a'), 'utf8')).trim(), 'second')
  })
