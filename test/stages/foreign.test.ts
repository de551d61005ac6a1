// Streams of Node and of other libraries as wire stages: the suite holds for what others made, and finds what the
// contract asks and they lack.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip, createGzip } from 'node:zlib'
import test from 'ava'
import { Minipass } from 'minipass'
import { Transform as StreamxTransform } from 'streamx'
import through from 'through2'
import { flushing, type StageStream, type WireStage } from '../../lib/index.js'
import { wireStageConformance } from '../../lib/testing/index.js'

const key = Buffer.alloc(32, 1)
const nonce = Buffer.alloc(16, 2)
const both = (make: () => StageStream): WireStage => ({ outgoing: make, incoming: make })
const FOREIGN: [string, WireStage, lacks: string[]][] = [
  [
    'createCipheriv',
    {
      outgoing: () => createCipheriv('aes-256-ctr', key, nonce),
      incoming: () => createDecipheriv('aes-256-ctr', key, nonce),
    },
    [],
  ],
  [
    'createGzip',
    { outgoing: () => createGzip(), incoming: () => createGunzip() },
    ['outgoing: it gives out all that it was given without waiting for more'],
  ],
  [
    'createGzip that is made to flush',
    { outgoing: () => flushing(createGzip()), incoming: () => createGunzip() },
    [],
  ],
  [
    'createBrotliCompress that is made to flush',
    {
      outgoing: () => flushing(createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })),
      incoming: () => createBrotliDecompress(),
    },
    [],
  ],
  [
    'createGzip with a flush after each chunk',
    { outgoing: () => createGzip({ flush: constants.Z_SYNC_FLUSH }), incoming: () => createGunzip() },
    [],
  ],
  ['Minipass', both(() => new Minipass<Buffer>()), []],
  ['streamx', both(() => new StreamxTransform()), []],
  ['through2', both(() => through()), []],
]

for (const [name, stage, lacks] of FOREIGN) {
  for (const { name: property, run } of wireStageConformance(() => stage)) {
    if (!lacks.includes(property)) test.serial(`${name}: ${property}`, (t) => t.notThrowsAsync(run))
  }
  for (const { name: property, run } of wireStageConformance(() => stage, { patience: 500 })) {
    if (!lacks.includes(property)) continue
    test.serial(`${name} lacks this: ${property}`, (t) => t.throwsAsync(run, { message: /not within/ }))
  }
}
