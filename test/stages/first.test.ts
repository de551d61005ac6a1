import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { compression, encryption, throttle } from '../../lib/index.js'
import { FakeClock } from '../../lib/testing/index.js'

const key = Buffer.alloc(32, 7)
const content = Buffer.from('ab'.repeat(300_000))
for (const [name, make] of Object.entries({
  encryption: () => encryption({ key }),
  gzip: () => compression(),
  brotli: () => compression({ algorithm: 'brotli' }),
  throttle: () => throttle({ rate: 100_000, clock: new FakeClock({ auto: true }) }),
})) {
  test(`${name} gives back what it was given`, async (t) => {
    const back = await pipeline(
      Readable.from([content, content]),
      make().outgoing!(),
      make().incoming!(),
      buffer,
    )
    t.true(back.equals(Buffer.concat([content, content])))
  })
}
