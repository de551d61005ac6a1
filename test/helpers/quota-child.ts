// Reserves bytes of a quota, says how many it got, and lives on: quota-child.js FILE MOST BYTES.
import { FileQuota } from '../../lib/index.js'

const [file, most, bytes] = process.argv.slice(2)
const quota = new FileQuota({ file: file!, of: 'bob', bytes: Number(most) })
const got = await quota.reserve(`${process.pid}`, { bytes: Number(bytes), files: 1 })
console.log('refused' in got ? 0 : got.bytes)
setInterval(() => {}, 1000)
