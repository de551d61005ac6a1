import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import test from 'ava'
import { filesBelow } from './helpers/folders.js'

// Who may import whom: lib/README.md, DESIGN.md section 4.

const LIB = new URL('../../lib/', import.meta.url)

/** The rooms, and below which a room may reach. The files at the top are rooms of their own. */
const BELOW: Record<string, string[]> = {
  errors: [],
  async: [],
  wire: ['errors'],
  files: ['errors', 'async'],
  stages: ['wire', 'files', 'errors', 'async'],
  transfer: ['wire', 'files', 'errors', 'async', 'stages'],
  send: ['transfer', 'stages', 'wire', 'files', 'errors', 'async'],
  receive: ['transfer', 'stages', 'wire', 'files', 'errors', 'async'],
  index: ['send', 'receive', 'transfer', 'stages', 'wire', 'files', 'errors', 'async'],
  testing: ['stages', 'wire', 'files', 'errors', 'async'],
  cli: ['index', 'send', 'receive', 'transfer', 'stages', 'wire', 'files', 'errors', 'async'],
}

const roomOf = (path: string) => path.split('/')[0]!.replace(/\.[jt]s$/, '')

async function imports(path: string): Promise<string[]> {
  const text = await readFile(new URL(path, LIB), 'utf8')
  const found = text.matchAll(/(?<!\.)(?:from|import)\s*\(?\s*'([^']+)'/g)
  return [...found].map(([, name]) => name!)
}

test('imports go downward only', async (t) => {
  const files = (await filesBelow(LIB)).filter((path) => path.endsWith('.ts'))
  t.true(files.length > 100)
  const wrong: string[] = []
  for (const path of files) {
    const room = roomOf(path)
    for (const name of await imports(path)) {
      if (!name.startsWith('.')) continue
      const target = roomOf(posix.join(posix.dirname(path), name))
      if (target !== room && !BELOW[room]?.includes(target)) wrong.push(`${path} imports ${name}`)
    }
  }
  t.deepEqual(wrong, [])
})

test('what is on the wire is pure: no stream, no disk, no network, no clock', async (t) => {
  const wrong: string[] = []
  for (const path of (await filesBelow(LIB)).filter(
    (path) => path.startsWith('wire/') && path.endsWith('.ts'),
  )) {
    const outside = (await imports(path)).filter(
      (name) => !/^(\.|node:buffer|node:util|msgpackr$)/.test(name),
    )
    wrong.push(...outside.map((name) => `${path} imports ${name}`))
    const text = await readFile(new URL(path, LIB), 'utf8')
    if (/Date\.now|performance\.|setTimeout|Math\.random/.test(text)) wrong.push(`${path} has a clock`)
  }
  t.deepEqual(wrong, [])
})

test('only the file system of Node knows node:fs', async (t) => {
  const knows: string[] = []
  for (const path of (await filesBelow(LIB)).filter((path) =>
    /^(files|stages|transfer)\/.*\.ts$/.test(path),
  )) {
    if ((await imports(path)).some((name) => /^(node:)?fs(\/|$)/.test(name))) knows.push(path)
  }
  // the flags of open are constants of node:fs, and owners are read from /proc
  t.deepEqual(knows.sort(), ['files/fs.ts', 'files/node-fs.ts', 'files/owner.ts'])
})
