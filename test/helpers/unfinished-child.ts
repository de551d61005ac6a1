// A process that dies in the middle of a transaction, which deletes `gone` and writes `kept`:
// unfinished-child DIR ID STATE [HOST]      (staged: before its intent stands; prepared, committed: when that is its
// state)
import { type FileSystem, FileTransaction, nodeFileSystem } from '../../lib/files/index.js'
import { processSystem } from '../../lib/files/own/owner.js'

const [dir, id, state, host] = process.argv.slice(2)
const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('alive')
}

const fs: FileSystem = Object.create(nodeFileSystem, {
  rename: {
    value: async (from: string, to: string) => {
      if (state === 'staged' && to.endsWith('.prepared.intent')) die()
      if (state === 'prepared' && to.endsWith('.committed.intent')) die()
      await nodeFileSystem.rename(from, to)
      if (to.endsWith('.committed.intent')) die()
    },
  },
})

await using transaction = await FileTransaction.begin(dir!, {
  id: id!,
  fs,
  ...(host && { system: { ...processSystem, hostname: () => host } }),
})
await transaction.delete('gone')
await transaction.write('kept', 'new')
await transaction.commit()
