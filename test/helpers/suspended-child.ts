// A process in a container of its own: suspended-child first|second DIR
//   first: says so in the middle of a commit, waits for a line, and says the code of the error with which it ends
//   second: writes the same files, once it may
import { once } from 'node:events'
import { isSluiceError } from '../../lib/errors.js'
import { FileTransaction, nodeFileSystem } from '../../lib/files/index.js'

const [role, dir] = process.argv.slice(2)
let renames = 0
const fs = {
  ...nodeFileSystem,
  sync: undefined,
  rename: async (from: string, to: string) => {
    if (role === 'first' && /\/[ab]$/.test(to) && ++renames === 2) {
      process.stdout.write('in the middle\n')
      await once(process.stdin, 'data')
    }
    return nodeFileSystem.rename(from, to)
  },
}
try {
  const transaction = await FileTransaction.begin(dir!, { fs, durability: 'crash' })
  for (const name of ['a', 'b']) await transaction.write(name, role!)
  await transaction.commit()
  process.stdout.write('done\n')
} catch (error) {
  process.stdout.write(`${isSluiceError(error) ? error.code : error}\n`)
}
process.exit()
