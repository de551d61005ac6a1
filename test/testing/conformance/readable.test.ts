// Each property of the suite, and a Readable that lacks just that: the suite must say so.
import { Readable } from 'node:stream'
import { type ReadableConformance, readableConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { large, patience, refuted, small } from '../../helpers/refuted.js'

function readables(make: () => Readable, more: Partial<ReadableConformance<Buffer>> = {}) {
  return () =>
    readableConformance<Buffer>(make, {
      expected: small,
      many: () => Readable.from(large()),
      patience,
      ...more,
    })
}
const giving = () => Readable.from(small())
refuted(
  'a wrong Readable',
  readables(() => Readable.from(['x'])),
  'to one who listens',
  /differ|Expected/,
)
refuted(
  'a Readable that loses what comes in a pause',
  readables(() => {
    const left = small()
    const stream: Readable = new Readable({
      read() {
        const chunk = left.shift() ?? null
        this.push(chunk && stream.isPaused() ? chunk.subarray(1) : chunk)
      },
    })
    return stream
  }),
  'who pauses',
  /expected/,
)
refuted(
  'a Readable that fails one who asks',
  readables(
    () =>
      new Readable({
        read() {
          this.destroy(new Error('boom'))
        },
      }),
  ),
  'to one who asks',
  /boom/,
)
refuted(
  'a Readable that stays open when its loop is left',
  readables(() => Object.assign(giving(), { _destroy: () => {} })),
  'left early',
  /not within/,
)
refuted(
  'a Readable that reads ahead',
  readables(giving, {
    many: () => {
      const stream: Readable = new Readable({ read() {} })
      for (const chunk of large()) stream.push(chunk)
      stream.push(null)
      return stream
    },
  }),
  'no further ahead',
  /has read 3145728 ahead/,
)
refuted(
  'a Readable that reads ahead while it is read slowly',
  readables(giving, {
    many: () => {
      const left = large()
      return new Readable({
        read() {
          if (left.length === 48) this.push(left.shift())
          else for (const chunk of [...left.splice(0), null]) this.push(chunk)
        },
      })
    },
    bound: 100_000,
  }),
  'no further ahead',
  /ahead/,
)
refuted(
  'a large Readable that is none',
  readables(giving, { many: giving }),
  'no further ahead',
  /must be larger/,
)

conforms('Readable.from', readables(giving)())
