// A process in a container of its own: suspended-child first|second transaction|part|transfer DIR
//   first: says so when it is in the middle, waits for a line, and says the code of the error with which it ends
//   second: does the same at once, with content of its own
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isSluiceError } from '../../lib/errors.js'
import { lstatIfThere } from '../../lib/files/disk/stats.js'
import { FileTransaction, nodeFileSystem, PartFile } from '../../lib/files/index.js'
import { manifestOfEntries, memorySources, receive, type SourceStore, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/index.js'

const [role, what, dir] = process.argv.slice(2) as [string, string, string]
const HALF = 2 * 1024 * 1024
const content = Buffer.alloc(2 * HALF, role)

async function inTheMiddle(): Promise<void> {
  if (role !== 'first') return
  process.stdout.write('in the middle\n')
  await once(process.stdin, 'data')
}

async function commit(): Promise<void> {
  let renames = 0
  const fs = {
    ...nodeFileSystem,
    sync: undefined,
    rename: async (from: string, to: string) => {
      if (/\/[ab]$/.test(to) && ++renames === 2) await inTheMiddle()
      return nodeFileSystem.rename(from, to)
    },
  }
  const transaction = await FileTransaction.begin(dir, { fs, durability: 'crash' })
  for (const name of ['a', 'b']) await transaction.write(name, content)
  await transaction.commit()
}

async function part(): Promise<void> {
  const file = await PartFile.open(join(dir, 'a'), { journal: true, size: content.length, mtime: 1000 })
  await file.write(0, content.subarray(0, HALF))
  await inTheMiddle()
  await file.write(HALF, content.subarray(HALF))
}

/** The receiver of the same process has begun `a`: before that it owns nothing that another one could take over. */
async function partIsThere(): Promise<void> {
  if (role !== 'first') return
  const part = join(dir, 'a.part')
  while (((await lstatIfThere(nodeFileSystem, part))?.size ?? 0) === 0) await setTimeout(1)
}

async function transfer(): Promise<void> {
  const contents = memorySources(
    new Map([
      ['a', content],
      ['b', content],
    ]),
  )
  const store: SourceStore = {
    rereadable: () => true,
    async open(entry, signal) {
      const source = await contents.open!(entry, signal)
      return {
        verify: () => source.verify(),
        close: () => source.close(),
        read: async (position, into) => {
          if (entry.path === 'a' && position === HALF) {
            await partIsThere()
            await inTheMiddle()
          }
          return source.read(position, into)
        },
      }
    },
  }
  const [near, far] = duplexPair()
  const entries = contents.entries.map((entry) => ({ ...entry, mtime: 1000 }))
  const sending = send(near, manifestOfEntries(entries, store, { name: 'x', algorithm: 'blocks' }))
  sending.finished.catch(() => {})
  await receive(far, { dir, accept: 'all' }).finished
}

try {
  if (what === 'transaction') await commit()
  else if (what === 'part') await part()
  else await transfer()
  process.stdout.write('done\n')
} catch (error) {
  process.stdout.write(`${isSluiceError(error) ? error.code : error}\n`)
}
process.exit()
