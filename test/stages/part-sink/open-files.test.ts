import test from 'ava'
import { isWhole, OpenFiles } from '../../../lib/stages/part-sink/open-files.js'
import type { Part } from '../../../lib/stores/parts.js'
import { Plan } from '../../../lib/transfer/plan.js'
import { offerOf } from '../../helpers/plan-model.js'

const part: Part = { write: () => {}, publish: () => ({}), discard: () => {} }

test('a file that ended is gone on with when more of it comes, but not if its part was discarded', (t) => {
  for (const wasDiscarded of [false, true]) {
    const files = new OpenFiles()
    const [entry] = offerOf([10]).entries
    const file = files.begin(entry!, part)
    file.written.add(0, 10)
    files.end(file)
    t.is(files.get(0), undefined)
    const again = files.beginAgain(0, () => wasDiscarded)
    t.is(again, wasDiscarded ? undefined : file)
    t.is(files.get(0), again)
    t.is(
      files.beginAgain(0, () => false),
      undefined,
    )
  }
})

test('a file that is gone on with ends when nothing of it is to come any more', (t) => {
  const plan = new Plan()
  const offer = offerOf([10])
  plan.add(offer)
  plan.want(1)
  const files = new OpenFiles()
  files.follow(plan)
  const file = files.begin(offer.entries[0]!, part, [{ start: 0, end: 5 }])
  t.false(files.endsWith(file, 5, 9))
  t.true(files.endsWith(file, 5, 10))
  t.false(isWhole(file))
  file.written.add(5, 10)
  t.true(isWhole(file))
  files.end(file)
  files.beginAgain(0, () => false)
  t.false(files.endsWith(file, 5, 10), 'it is still to come')
  for (const _ of plan.take(0, 10)) {
    // all of it came
  }
  t.true(files.endsWith(file, 5, 10))
})
