import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// Each name that users can import says what it is where they write it: in the types that are published.

const ENTRIES = ['index', 'files/index', 'terminal/progress-bar', 'testing/index', 'peers/index']
const TYPES = new URL('../lib/', import.meta.url)

/** The name as it is exported, the file that declares it, and what it is called there. */
interface Exported {
  name: string
  file: URL
  own: string
}

const typesOf = (specifier: string, from: URL) => new URL(specifier.replace(/\.js$/, '.d.ts'), from)

const namesIn = (list: string) => list.split(',').flatMap((one) => one.trim().replace(/^type /, '') || [])

/** Where a name comes from that is exported as it was imported. */
function importOf(name: string, text: string): string | undefined {
  for (const [, list, from] of text.matchAll(/^import (?:type )?\{([^}]*)\} from '([^']+)'/gm))
    if (namesIn(list!).includes(name)) return from
  return undefined
}

async function exportsOf(file: URL): Promise<Exported[]> {
  const text = await readFile(file, 'utf8')
  const found: Exported[] = []
  for (const [, from] of text.matchAll(/^export \* from '([^']+)'/gm))
    found.push(...(await exportsOf(typesOf(from!, file))))
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from '([^']+)')?/gm)) {
    for (const one of namesIn(list!)) {
      const [, own, name = own] = /^(\w+)(?: as (\w+))?$/.exec(one)!
      const source = from ?? importOf(own!, text)
      if (source === undefined) found.push({ name: name!, file, own: own! })
      else {
        const there = (await exportsOf(typesOf(source, file))).find((other) => other.name === own)
        found.push(
          there ? { ...there, name: name! } : { name: name!, file: typesOf(source, file), own: own! },
        )
      }
    }
  }
  for (const [, name] of text.matchAll(/^export (?:declare )?(?:abstract )?(?:\w+) (\w+)/gm))
    if (!found.some((other) => other.name === name)) found.push({ name: name!, file, own: name! })
  return found
}

/** Whether one of the declarations (a function may have several) follows a doc comment. */
function isDocumented(text: string, name: string): boolean {
  const declaration = new RegExp(`\\*/\\n(?:export )?(?:declare )?(?:abstract )?\\w+ ${name}\\b`)
  return declaration.test(text)
}

/** The methods of a class that users call and that say nothing. Those of Node's streams are Node's to explain. */
function silentMethods(text: string, name: string): string[] {
  const body = new RegExp(`^export declare (?:abstract )?class ${name}\\b[^]*?^}`, 'm').exec(text)?.[0] ?? ''
  // what a documented interface asks for is explained there
  if (/^.* implements .*\b(FileSystem|Clock|OpenFolder)\b/.test(body)) return []
  const lines = body.split('\n')
  return lines.flatMap((line, n) => {
    const method = /^ {4}(?:static |get )?([a-z]\w*)[<(]/.exec(line)?.[1]
    const before = lines[n - 1] ?? ''
    // an overload is explained by the one before it
    const told = before.endsWith('*/') || new RegExp(`^ {4}(?:static )?${method}\\b`).test(before)
    return method === undefined || method === 'constructor' || told ? [] : [method]
  })
}

for (const entry of ENTRIES) {
  test(`each name that ${entry} exports has a doc comment`, async (t) => {
    const names = await exportsOf(new URL(`${entry}.d.ts`, TYPES))
    t.true(names.length > 3)
    const without: string[] = []
    for (const { name, file, own } of names) {
      const text = await readFile(file, 'utf8')
      const place = relative(fileURLToPath(TYPES), fileURLToPath(file))
      if (!isDocumented(text, own)) without.push(`${name} in ${place}`)
      for (const method of silentMethods(text, own)) without.push(`${name}.${method} in ${place}`)
    }
    t.deepEqual(without, [])
  })
}
