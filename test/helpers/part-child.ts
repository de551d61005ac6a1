// A process that writes to a part, and then does nothing until it is killed:  part-child PATH SIZE DIGEST UNTIL
// It says the position when that is UNTIL.
import { PartFile } from '../../lib/files/index.js'
import { contentFrom } from './part-content.js'

const [path, size, expected, until] = process.argv.slice(2)
const part = await PartFile.open(path!, { size: Number(size), expected: expected!, journal: true })
while (part.position < Number(until))
  await part.write(part.position, contentFrom(part.position, Number(size)))
console.log(part.position)
setInterval(() => {}, 1 << 30)
