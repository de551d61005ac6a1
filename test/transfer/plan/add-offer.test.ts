import test from 'ava'
import { addOffer } from '../../../lib/transfer/plan/add-offer.js'
import { Plan } from '../../../lib/transfer/plan.js'
import { offerOf } from '../../helpers/items.js'
import { growth } from '../../helpers/turns.js'

test('of a large offer each slice is added in its turn, between which others have theirs', async (t) => {
  const content = Object.fromEntries(Array.from({ length: 5500 }, (_, i) => [`f${i}`, '']))
  const offer = offerOf(content)
  const plan = new Plan()
  const turns = growth(() => plan.entries.length)
  await addOffer(plan, offer)
  t.true(turns.stop() <= 1000)
  t.deepEqual(plan.entries, offer.entries)
})

test('a second offer follows the first', async (t) => {
  const plan = new Plan()
  const { entries } = offerOf({ a: 'a', b: 'b' })
  await addOffer(plan, { first: 0, entries })
  await addOffer(plan, { first: 2, entries })
  t.is(plan.entries.length, 4)
  await t.throwsAsync(addOffer(plan, { first: 3, entries }), { code: 'ERR_PROTOCOL' })
})
