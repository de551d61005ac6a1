import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import { blockSizeOf } from '../../lib/digest/blocks.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { Plan } from '../../lib/transfer/plan.js'

const MIB = 1024 * 1024

/** A manifest of one file, and its source, which tells of each read. */
function offering(size: number, read: (into: Buffer) => Promise<void>) {
  const open = async () => ({
    read: (_at: number, into: Buffer) => read(into),
    async verify() {},
    async close() {},
  })
  const store = { rereadable: () => true, open }
  const manifest = manifestOfEntries([{ path: 'a', size }], store, { name: 'x' })
  const plan = new Plan('asks')
  plan.add(manifest.offer)
  return { manifest, plan }
}

test('what was given out of a large block is not kept until that has ended', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const size = 2 ** 42
  t.is(blockSizeOf(size), 64 * MIB)
  const made: WeakRef<Buffer>[] = []
  const { manifest, plan } = offering(size, async (into) => void made.push(new WeakRef(into)))
  plan.want(1)
  const source = fileSource(manifest, { plan })
  source.on('data', () => made.length === 50 && source.pause())
  while (made.length < 50) await setImmediate()
  await setImmediate()
  collect()
  t.true(made.filter((bytes) => bytes.deref()).length < 10)
  source.destroy()
})

test('what is read for proof when the source is destroyed is not read on', async (t) => {
  const reads: (() => void)[] = []
  const { manifest, plan } = offering(16 * MIB, () => {
    const { promise, resolve } = deferred<void>()
    reads.push(resolve)
    return promise
  })
  plan.claim([{ start: 0, end: 16 * MIB }])
  const source = fileSource(manifest, { plan }).resume()
  while (reads.length === 0) await setImmediate()
  source.destroy()
  for (const done of reads) {
    done()
    await setImmediate()
  }
  t.is(reads.length, 1)
  t.true(source.closed)
})
