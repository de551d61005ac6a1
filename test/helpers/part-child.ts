// A process that writes to a part until it is killed:  part-child PATH SIZE DIGEST
// It says "at POSITION" after each piece.
import { writeSync } from 'node:fs'
import { PartFile } from '../../lib/files/index.js'
import { contentFrom } from './part-content.js'

const [path, size, expected] = process.argv.slice(2)
const part = await PartFile.open(path!, { size: Number(size), expected: expected!, journal: true })
while (!part.published) {
  await part.write(part.position, contentFrom(part.position, Number(size)))
  writeSync(1, `at ${part.position}\n`)
}
await part.close()
