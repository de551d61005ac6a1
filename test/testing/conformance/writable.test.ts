// Each property of the suite, and a Writable that lacks just that: the suite must say so.
import { Writable } from 'node:stream'
import { Writable as StreamxWritable } from 'streamx'
import { type WritableConformance, writableConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { large, patience, refuted, small } from '../../helpers/refuted.js'

function writables(make: () => Writable, more: Partial<WritableConformance<Buffer>> = {}) {
  return () => writableConformance<Buffer>(make, { input: small, many: large, patience, ...more })
}
const taking = () => new Writable({ write: (_chunk, _encoding, callback) => void setImmediate(callback) })
refuted(
  'a Writable with the wrong effect',
  writables(taking, {
    check: () => {
      throw new Error('nothing was written')
    },
  }),
  'it makes of the input what it should',
  /nothing was written/,
)
refuted(
  'a Writable that never asks to wait',
  writables(
    () =>
      new Writable({
        highWaterMark: 1e9,
        write: (_chunk, _encoding, callback) => void setImmediate(callback),
      }),
  ),
  'makes the source wait',
  /wait in it, and it asks for more/,
)
refuted(
  'a Writable that never goes on',
  writables(() => new Writable({ write: () => {} })),
  'makes the source wait',
  /'drain': not within/,
)
refuted(
  'a Writable that fails with much input',
  writables(() => new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('boom')) })),
  'makes the source wait',
  /it failed: Error: boom/,
)
refuted(
  'a large input that is none for a Writable',
  writables(taking, { many: small }),
  'makes the source wait',
  /must be larger/,
)
refuted(
  'truncation that a Writable does not notice',
  writables(taking, { truncated: { codes: ['ERR_TRUNCATED'], whole: [0] } }),
  'cut anywhere',
  /cut at 1/,
)

conforms('a Writable of Node', writables(taking)())
// it does not say how much waits in it
const ofStreamx = () => new StreamxWritable({ write: (_chunk, done) => void setImmediate(done, null) })
conforms('a Writable of streamx', writables(ofStreamx as never)())
