import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import test from 'ava'
import { filesBelow } from './helpers/folders.js'

// Who may import whom: lib/README.md, and for the floors of files its own README.md.

const LIB = new URL('../../lib/', import.meta.url)

/** The rooms, the highest first: one imports from the lines below it. The files at the top are rooms of their own. */
const ROOMS = [
  ['cli'],
  ['index'],
  ['terminal'],
  ['testing'],
  ['peers'],
  ['transfers', 'watch'],
  ['send', 'receive'],
  ['reconnect'],
  ['transfer', 'stages'],
  ['stores'],
  ['plan'],
  ['wire', 'files'],
  ['digest', 'options'],
  ['errors', 'async', 'clock', 'ranges'],
]

/** The floors of lib/files, the lowest last: a folder imports from those after it, and from no other. */
const FLOORS = [
  'index',
  'operations',
  'restore',
  'transaction',
  'intent',
  'config',
  'atomic',
  'rotation',
  'content',
  'lock',
  'audit',
  'part',
  'journal',
  'publish',
  'own',
  'tree',
  'disk',
]

/** Files directly in one folder, at most. */
const MOST_FILES = 15

/** Folders that have more of them still. */
const TOO_LARGE: string[] = []

/** What stands directly in stages/: stages, and nothing that a stage stands on. */
const STAGES = [
  'compression',
  'deframer',
  'demuxer',
  'encryption',
  'file-source',
  'finalizer',
  'framer',
  'hash-tap',
  'map-cuts',
  'part-sink',
  'progress-tap',
  'spreader',
  'throttle',
  'verifier',
]

/** The plan is a room of its own: the stages stand on it as well as the conversation. */
const roomOf = (path: string) =>
  /^transfer\/plan[./]/.test(path) ? 'plan' : path.split('/')[0]!.replace(/\.[jt]s$/, '')

/** The folder of a file; what stands at the top of lib, of files or of testing, is one of its own. */
const folderOf = (path: string) => (/^((files|testing)\/)?[^/]+$/.test(path) ? path : posix.dirname(path))

async function sources(): Promise<string[]> {
  const files = (await filesBelow(LIB)).filter((path) => path.endsWith('.ts'))
  if (files.length < 100) throw new Error(`only ${files.length} files were found`)
  return files.sort()
}

interface Import {
  name: string
  /** Gone once it is compiled. */
  isType: boolean
}

async function importsOf(path: string): Promise<Import[]> {
  const text = await readFile(new URL(path, LIB), 'utf8')
  const found = text.matchAll(
    /(?:^(?:import|export)(?<type> type)?\b[^'"();]*?\bfrom\s*|(?<!\.)\bimport\s*\(?\s*)'(?<name>[^']+)'/gm,
  )
  return [...found].map(({ groups }) => ({ name: groups!.name!, isType: groups!.type !== undefined }))
}

async function imports(path: string): Promise<string[]> {
  return (await importsOf(path)).map(({ name }) => name)
}

/** The file of lib that an import of another one leads to. */
const targetOf = (path: string, name: string) => posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts')

/** What imports what, by what `nodeOf` makes of each file. */
async function graphOf(
  nodeOf: (path: string) => string,
  counts: (one: Import) => boolean,
): Promise<Map<string, Set<string>>> {
  const graph = new Map<string, Set<string>>()
  for (const path of await sources()) {
    const from = nodeOf(path)
    const to = graph.get(from) ?? new Set()
    graph.set(from, to)
    for (const one of await importsOf(path)) {
      if (!one.name.startsWith('.') || !counts(one)) continue
      const node = nodeOf(targetOf(path, one.name))
      if (node !== from) to.add(node)
    }
  }
  return graph
}

/** Those that import each other in circles: each group of nodes that lead to one another (Tarjan 1972). */
function circlesIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []
  const visit = (node: string) => {
    order.set(node, order.size)
    lowest.set(node, order.get(node)!)
    open.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next)
      if (open.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!))
    }
    if (lowest.get(node) !== order.get(node)) return
    const circle = open.splice(open.indexOf(node))
    if (circle.length > 1) circles.push(circle.sort())
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return circles
}

test('imports go downward only', async (t) => {
  const lineOf = (room: string) => ROOMS.findIndex((line) => line.includes(room))
  const wrong: string[] = []
  for (const path of await sources()) {
    const room = roomOf(path)
    if (lineOf(room) === -1) wrong.push(`${path} is in no room`)
    for (const name of await imports(path)) {
      if (!name.startsWith('.')) continue
      const target = targetOf(path, name)
      const isBelow = lineOf(roomOf(target)) > lineOf(room)
      if (roomOf(target) !== room && !isBelow) wrong.push(`${path} imports ${name}`)
    }
  }
  t.deepEqual(wrong, [])
})

test('between the folders of lib/files imports go downward only, by the list of floors', async (t) => {
  const floorOf = (path: string) => FLOORS.indexOf(roomOf(path.slice('files/'.length)))
  const wrong: string[] = []
  for (const path of await sources()) {
    if (!path.startsWith('files/')) continue
    if (floorOf(path) === -1) wrong.push(`${path} is on no floor`)
    for (const name of await imports(path)) {
      const target = targetOf(path, name)
      if (!name.startsWith('.') || !target.startsWith('files/')) continue
      if (floorOf(target) < floorOf(path)) wrong.push(`${path} imports ${name}`)
    }
  }
  t.deepEqual(wrong, [])
})

test('no folders import each other in a circle', async (t) => {
  const graph = await graphOf(folderOf, () => true)
  t.deepEqual(circlesIn(graph), [])
})

test('no files import each other in a circle, but for types', async (t) => {
  const graph = await graphOf(
    (path) => path,
    ({ isType }) => !isType,
  )
  t.deepEqual(circlesIn(graph), [])
})

test('a circle is found, however long, and nothing that only leads to it', (t) => {
  const graph = new Map(
    Object.entries({ a: ['b'], b: ['c'], c: ['d', 'e'], d: ['b'], e: [], f: ['g', 'a'], g: ['f'] }).map(
      ([node, to]) => [node, new Set(to)],
    ),
  )
  t.deepEqual(circlesIn(graph), [
    ['b', 'c', 'd'],
    ['f', 'g'],
  ])
})

test('no folder holds more files than one can take in', async (t) => {
  const counts = new Map<string, number>()
  for (const path of await sources()) {
    const folder = posix.dirname(path)
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const large = [...counts].filter(([, count]) => count > MOST_FILES).map(([folder]) => folder)
  t.deepEqual(large.sort(), TOO_LARGE)
})

test('no two files export the same name: whoever reads one knows which it is', async (t) => {
  const homes = new Map<string, string[]>()
  for (const path of await sources()) {
    const text = await readFile(new URL(path, LIB), 'utf8')
    const exported = text.matchAll(
      /^export (?:declare |abstract |async )*(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm,
    )
    // an overloaded function is exported several times by its one file
    for (const name of new Set([...exported].map(([, name]) => name!))) {
      homes.set(name, [...(homes.get(name) ?? []), path])
    }
  }
  t.deepEqual(
    [...homes].filter(([, paths]) => paths.length > 1),
    [],
  )
})

test('no file is longer than 300 lines, and no stage than 180', async (t) => {
  const long: string[] = []
  for (const path of await sources()) {
    const { length } = (await readFile(new URL(path, LIB), 'utf8')).trimEnd().split('\n')
    if (length > (/^stages\/[^/]+$/.test(path) ? 180 : 300)) long.push(`${path}: ${length}`)
  }
  t.deepEqual(long, [])
})

test('no comment is wider than 120 characters', async (t) => {
  const wide: string[] = []
  for (const path of (await filesBelow(LIB)).filter((name) => name.endsWith('.ts'))) {
    const lines = (await readFile(new URL(path, LIB), 'utf8')).split('\n')
    const isWide = (line: string) => line.length > 120 && /^\s*(?:\/\*\*|\*|\/\/) /.test(line)
    wide.push(...lines.filter(isWide).map((line) => `${path}: ${line}`))
  }
  t.deepEqual(wide, [])
})

test('who lists the stages reads the names of stages, and no other', async (t) => {
  const found = (await sources()).flatMap((path) => /^stages\/([^/]+)\.ts$/.exec(path)?.[1] ?? [])
  t.deepEqual(found, STAGES)
})

test('what is on the wire is pure: no stream, no disk, no network, no clock', async (t) => {
  const wrong: string[] = []
  for (const path of (await filesBelow(LIB)).filter(
    (path) => path.startsWith('wire/') && path.endsWith('.ts'),
  )) {
    const outside = (await imports(path)).filter(
      (name) => !/^(\.|node:buffer|node:util|node:zlib|msgpackr\/)/.test(name),
    )
    wrong.push(...outside.map((name) => `${path} imports ${name}`))
    const text = await readFile(new URL(path, LIB), 'utf8')
    if (/Date\.now|performance\.|setTimeout|Math\.random/.test(text)) wrong.push(`${path} has a clock`)
  }
  t.deepEqual(wrong, [])
})

test('nothing asks instanceof for a class that other realms have too: under Jest they are others', async (t) => {
  const asked =
    /instanceof (?:SluiceError|\w*Error|\w*Array\w*|Buffer|Date|Map|Set|Promise|RegExp|Object|EventEmitter|AbortSignal)\b/
  const ours = /instanceof (?:SystemError|CommanderError)\b/
  for (const path of await filesBelow(LIB)) {
    if (!path.endsWith('.ts')) continue
    const lines = (await readFile(new URL(path, LIB), 'utf8')).split('\n')
    t.deepEqual(
      lines.filter((line) => asked.test(line) && !ours.test(line)),
      [],
      path,
    )
  }
})

test('only the file system of Node knows node:fs', async (t) => {
  const knows: string[] = []
  for (const path of (await filesBelow(LIB)).filter((path) =>
    /^(files|stores|stages|transfer)\/.*\.ts$/.test(path),
  )) {
    if ((await imports(path)).some((name) => /^(node:)?fs(\/|$)/.test(name))) knows.push(path)
  }
  // the flags of open and the bits of modes are constants of node:fs, and owners are read from /proc
  const known = ['files/disk/fs.ts', 'files/disk/node-fs.ts', 'files/disk/stats.ts', 'files/own/owner.ts']
  t.deepEqual(knows.sort(), known)
})
