import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { LEASE, RENEW_EVERY, Renewal } from '../../../lib/files/own/lease.js'
import { FakeClock } from '../../../lib/testing/index.js'

/** A record whose renewals fail while the disk is ill. */
function scene() {
  const clock = new FakeClock()
  const disk = { isIll: false, renewals: 0 }
  const renew = async () => {
    disk.renewals++
    if (disk.isIll) throw new Error('EIO')
  }
  const renewal = new Renewal(renew, clock)
  /** Lets time pass, with the renewals that are due in it. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += RENEW_EVERY) {
      clock.advance(RENEW_EVERY)
      await setImmediate()
    }
  }
  return { disk, renewal, pass }
}

test('as long as its record is renewed, an owner has no doubt', async (t) => {
  const { disk, renewal, pass } = scene()
  await pass(3 * LEASE)
  t.true(disk.renewals >= 3 * (LEASE / RENEW_EVERY))
  t.false(renewal.isDoubtful)
  await renewal.stop()
})

test('an owner whose renewals fail doubts, however often somebody looks, until one succeeds and somebody looks', async (t) => {
  const { disk, renewal, pass } = scene()
  disk.isIll = true
  await pass(LEASE)
  t.true(renewal.isDoubtful)
  renewal.confirm()
  t.true(renewal.isDoubtful, 'others may take it at any moment')
  disk.isIll = false
  await pass(RENEW_EVERY)
  t.true(renewal.isDoubtful, 'they may have taken it before')
  renewal.confirm()
  t.false(renewal.isDoubtful)
  await renewal.stop()
})
