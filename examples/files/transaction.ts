#!/usr/bin/env node
// Several files, all or none of them:  node dist/examples/files/transaction.js DIR
import { FileTransaction, recoverTransactions } from 'sluice/files'

const dir = process.argv[2]
if (dir === undefined) {
  console.error('usage: transaction DIR')
  process.exit(2)
}

// When the program starts: ends what a killed process, or a power cut, left. (`begin` does it, too.)
for (const { id, state, paths } of (await recoverTransactions(dir)).transactions)
  console.log(id, state, paths)

async function release(version: string, notes: string): Promise<void> {
  // rolled back at the end of the block unless it was committed
  await using transaction = await FileTransaction.begin(dir!, { id: `release ${version}` })
  const schema = { required: ['version'], properties: { version: { pattern: '^\\d+\\.\\d+$' } } }
  await transaction.writeJson('version.json', { version }, { schema })
  await transaction.write(`notes/${version}.txt`, notes)
  await transaction.copy(`notes/${version}.txt`, 'notes/latest.txt')
  const { files } = await transaction.commit()
  for (const { path, how } of files) console.log(how, path)
}

await release('1.0', 'the first one\n')
try {
  await release('one', 'a mistake\n')
} catch (error) {
  // ERR_SCHEMA, and not one of the three files has changed
  console.log((error as Error & { code: string }).code)
}
