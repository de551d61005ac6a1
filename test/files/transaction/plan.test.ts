import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../../lib/errors.js'
import { foldersAbove, Planner } from '../../../lib/files/transaction/plan.js'

// The plan is compared with what the operations do one after the other, on a disk that is a list of paths.

/** Files by path; a folder is there because it was, or because a file is in it. */
class Model {
  readonly files = new Map<string, string>()
  readonly folders: Set<string>

  constructor(files: Iterable<[string, string]>, folders: Iterable<string>) {
    for (const [path, text] of files) this.files.set(path, text)
    this.folders = new Set([...folders, ...[...this.files.keys()].flatMap(foldersAbove)])
  }

  isFolder(path: string): boolean {
    return this.folders.has(path) || [...this.files.keys()].some((file) => file.startsWith(`${path}/`))
  }

  /** False where it cannot be. */
  write(path: string, text: string): boolean {
    if (this.isFolder(path) || foldersAbove(path).some((above) => this.files.has(above))) return false
    this.files.set(path, text)
    return true
  }

  copy(from: string, to: string): boolean {
    const text = this.files.get(from)
    return text !== undefined && this.write(to, text)
  }

  move(from: string, to: string): boolean {
    const text = this.files.get(from)
    if (text === undefined) return false
    this.files.delete(from)
    if (this.write(to, text)) return true
    this.files.set(from, text)
    return false
  }

  delete(path: string): boolean {
    return this.files.delete(path)
  }
}

type Operation =
  | { kind: 'write'; path: string }
  | { kind: 'delete'; path: string }
  | { kind: 'copy' | 'move'; path: string; to: string }

const NAMES = ['a', 'b', 'c']
const path = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), path }),
  fc.record({ kind: fc.constant('delete' as const), path }),
  fc.record({ kind: fc.constantFrom('copy' as const, 'move' as const), path, to: path }),
)

function standingOf(model: Model): Planner {
  const planner = new Planner()
  for (const folder of model.folders) planner.learn(folder, 'folder')
  for (const file of model.files.keys()) planner.learn(file, 'file')
  const all = NAMES.flatMap((a) =>
    NAMES.flatMap((b) => NAMES.flatMap((c) => [a, `${a}/${b}`, `${a}/${b}/${c}`])),
  )
  for (const one of all) if (!planner.known(one)) planner.learn(one, 'missing')
  return planner
}

/** What an operation does to the plan; copies get content of their own. */
function operate(
  planner: Planner,
  one: Operation,
  texts: string[],
  textOf: (path: string) => string,
): boolean {
  try {
    if (one.kind === 'delete') planner.delete(one.path)
    else if (one.kind === 'move') planner.move(one.path, one.to)
    else if (one.kind === 'write') {
      planner.write(one.path, texts.length)
      texts.push(`written ${texts.length}`)
    } else {
      const source = planner.source(one.path)
      planner.write(one.to, texts.length)
      texts.push(source.from === 'old' ? textOf(source.path) : texts[source.staged]!)
    }
    return true
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'ERR_TRANSACTION') return false
    throw error
  }
}

test('a plan comes to what the operations do one after the other, and refuses what cannot be', (t) => {
  fc.assert(
    fc.property(
      fc.array(path, { maxLength: 5 }),
      fc.array(path, { maxLength: 2 }),
      fc.array(operation, { maxLength: 12 }),
      (files, folders, operations) => {
        const model = new Model([], [])
        for (const one of files)
          if (model.write(one, `old ${one}`)) for (const above of foldersAbove(one)) model.folders.add(above)
        for (const one of folders) {
          const all = [...foldersAbove(one), one]
          if (!all.some((above) => model.files.has(above))) for (const above of all) model.folders.add(above)
        }
        const start = new Model(model.files, model.folders)
        const planner = standingOf(start)
        const texts: string[] = []
        for (const one of operations) {
          if ('to' in one && one.path === one.to) continue
          const done = operate(planner, one, texts, (of) => start.files.get(of)!)
          const text = `written ${texts.length - 1}`
          const expected =
            one.kind === 'write'
              ? model.write(one.path, text)
              : one.kind === 'delete'
                ? model.delete(one.path)
                : model[one.kind](one.path, one.to)
          t.is(done, expected, JSON.stringify(one))
        }
        // done in the order of the plan on a strict disk: folders must be there, and nothing may be in the way
        const disk = new Map(start.files)
        const standing = new Set(['', ...start.folders])
        const { actions, folders: made } = planner.plan()
        const puts = actions.findIndex(({ content }) => content !== null)
        actions.forEach(({ path: at, content }, i) => {
          if (i === puts) {
            for (const folder of made) {
              t.false(disk.has(folder) || standing.has(folder))
              t.true(standing.has(folder.slice(0, Math.max(0, folder.lastIndexOf('/')))))
              standing.add(folder)
            }
          }
          if (content === null) {
            t.true(disk.delete(at))
            return
          }
          t.true(standing.has(at.slice(0, Math.max(0, at.lastIndexOf('/')))), `the folder of ${at}`)
          t.false(standing.has(at))
          disk.set(at, content.from === 'new' ? texts[content.staged]! : start.files.get(content.path)!)
        })
        t.deepEqual([...disk].sort(), [...model.files].sort())
        t.is(new Set(actions.map(({ path: at }) => at)).size, actions.length, 'one action for each path')
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})

test('what is planned and undone again is no action', (t) => {
  const planner = new Planner()
  planner.learn('x', 'file')
  planner.learn('new', 'missing')
  planner.move('x', 'new')
  planner.move('new', 'x')
  planner.write('new', 0)
  planner.delete('new')
  t.deepEqual(planner.plan(), { actions: [], folders: [], emptied: [] })
})

test('what contradicts itself is refused, with the path and the reason', (t) => {
  const planner = new Planner()
  planner.learn('file', 'file')
  planner.learn('folder', 'folder')
  planner.learn('none', 'missing')
  planner.learn('folder/none', 'missing')
  const refuses = (act: () => void, message: RegExp) => t.throws(act, { code: 'ERR_TRANSACTION', message })
  refuses(() => planner.source('none'), /none does not exist/)
  refuses(() => planner.delete('folder'), /folder is a folder; name the files in it/)
  refuses(() => planner.write('folder', 0), /folder is a folder; a file cannot have its name/)
  refuses(() => planner.write('file/inside', 0), /file is a file, so that file\/inside cannot be in it/)
  planner.write('none/inside', 0)
  refuses(() => planner.write('none', 1), /none is a folder/)
  planner.delete('file')
  refuses(() => planner.move('file', 'folder/none'), /file was deleted or moved by this transaction/)
})
