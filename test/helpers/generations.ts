import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What stands in the folder: which generation it is of, and its files. */
export interface State {
  number: number
  files: string[]
}

/** What a file holds: longer than one write of a small buffer, and unlike any other. */
export function textOf(path: string, number: number): string {
  return `${number} ${path} ${'.'.repeat(1000 + (number % 7) * 1000)}\n`
}

/** The number in such a text; 0 where it is none. */
export function numberOf(text: string): number {
  return Number.parseInt(text, 10) || 0
}

/** Looks at all files but our own, and backups; throws where they are not all of one generation. */
export async function generation(dir: string): Promise<State> {
  const numbers = new Set<number>()
  const files: string[] = []
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(dir.length + 1)
    if (!entry.isFile() || path.includes('.sluice') || path.endsWith('.bak')) continue
    const text = await readFile(join(dir, path), 'utf8')
    const number = numberOf(text)
    if (text !== textOf(path, number)) throw new Error(`${path} holds ${text.slice(0, 40)}`)
    numbers.add(number)
    files.push(path)
  }
  if (numbers.size > 1) throw new Error(`files of generations ${[...numbers].join(', ')}`)
  return { number: [...numbers][0] ?? 0, files: files.sort() }
}
