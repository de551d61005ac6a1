import { Readable } from 'node:stream'
import test from 'ava'
import { Confluence } from '../../../lib/stages/lanes/confluence.js'
import { Plan } from '../../../lib/transfer/plan.js'
import { offerOf } from '../../helpers/plan-model.js'

test('thousands of messages that waited, and have nothing to say any more, are worked off', async (t) => {
  const plan = new Plan()
  plan.add(offerOf([1, 3 * 1024 * 1024]))
  plan.want(2)
  const items = new Readable({ objectMode: true, highWaterMark: 1, read: () => void confluence.resume() })
  const confluence = new Confluence(items, plan)
  confluence.digestLength = 32
  const given: string[] = []
  items.on('data', ({ kind }) => given.push(kind))
  const inlet = confluence.inlet(() => {})
  confluence.message({ type: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32, 1) }, t.falsy)
  plan.close(1)
  const digests = Buffer.alloc(32, 1)
  for (let n = 0; n < 4000; n++)
    confluence.message({ type: 'blocks', index: 1, first: 0, digests }, (error) => t.falsy(error))
  await new Promise<void>((resolve) => {
    items.on('data', ({ kind }) => kind === 'digests' && resolve())
    inlet.write({ kind: 'data', position: 0, length: 1, chunks: [Buffer.from('x')] }, (error) =>
      t.falsy(error),
    )
  })
  t.deepEqual(given, ['run', 'digests'])
  t.false(items.destroyed)
})
