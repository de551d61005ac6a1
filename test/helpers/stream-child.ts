// A process of its own, so that its peak of memory is that of the stream. Arguments: source, target.
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createAtomicWriteStream } from '../../lib/files/index.js'
import { peakMemory } from '../bench/measure.js'

const [source = '', target = ''] = process.argv.slice(2)
const began = performance.now()
await pipeline(createReadStream(source), createAtomicWriteStream(target))
process.send?.({ peak: peakMemory(), wall: (performance.now() - began) / 1000 })
process.disconnect?.()
