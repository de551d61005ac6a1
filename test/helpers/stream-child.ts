// A process of its own, so that its peak of memory is that of the stream. Arguments: source, target.
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createAtomicWriteStream } from '../../lib/files/index.js'
import { peakMemory } from '../bench/figures/usage.js'

const [source = '', target = ''] = process.argv.slice(2)
// V8 lets 32 MB of larger pieces lie before it collects them, which says nothing of the stream
const PIECE = 16 * 1024

const began = performance.now()
await pipeline(createReadStream(source, { highWaterMark: PIECE }), createAtomicWriteStream(target))
process.send?.({ peak: peakMemory(), wall: (performance.now() - began) / 1000 })
process.disconnect?.()
