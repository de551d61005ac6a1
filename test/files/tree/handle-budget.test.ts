import test from 'ava'
import { HandleBudget, SystemError } from '../../../lib/files/index.js'

/** Files whose handles are numbers; counts how many are open. */
function files(most = Number.POSITIVE_INFINITY) {
  let open = 0
  let next = 0
  const counts = {
    highest: 0,
    opens: 0,
    get open() {
      return open
    },
  }
  const make = () => ({
    async open() {
      if (open >= most) throw new SystemError('EMFILE', 'open', 'too many')
      open++
      counts.opens++
      counts.highest = Math.max(counts.highest, open)
      await turn()
      return next++
    },
    async shut() {
      await turn()
      open--
    },
  })
  return { counts, make }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('HOSTILE-INPUT 70: however many files, never more handles than the budget has', async (t) => {
  const budget = new HandleBudget(3)
  const { counts, make } = files()
  const all = Array.from({ length: 20 }, make)
  const seen: number[] = []
  await Promise.all(
    all.map((file) =>
      budget.use(file, async (fd) => {
        await turn()
        seen.push(fd)
      }),
    ),
  )
  t.is(seen.length, 20)
  t.is(counts.highest, 3)
  await budget.close()
  t.is(counts.open, 0)
})

test('HOSTILE-INPUT 70: where the system has fewer handles than the budget, files wait for each other', async (t) => {
  const budget = new HandleBudget(64)
  const { counts, make } = files(2)
  const done = await Promise.all(
    Array.from({ length: 10 }, make).map((file) =>
      budget.use(file, async () => {
        await turn()
        return true
      }),
    ),
  )
  t.is(done.length, 10)
  t.is(counts.highest, 2)
  await budget.close()
  t.is(counts.open, 0)
})

test('with no handle at all it says so', async (t) => {
  const budget = new HandleBudget()
  const { make } = files(0)
  await t.throwsAsync(
    budget.use(make(), async () => {}),
    { code: 'EMFILE' },
  )
  await t.throwsAsync(Promise.all([make(), make()].map((file) => budget.use(file, async () => {}))), {
    code: 'EMFILE',
  })
  await budget.close()
})

test('a file in use keeps its handle, and one that was used last is not the first to go', async (t) => {
  const budget = new HandleBudget(2)
  const { counts, make } = files()
  const [a, b, c] = [make(), make(), make()]
  await budget.use(a, async () => {})
  await budget.use(b, async () => {})
  await budget.use(a, async () => {})
  await budget.use(c, async () => {})
  t.is(counts.opens, 3)
  await budget.use(a, async () => {})
  t.is(counts.opens, 3)
  await budget.use(b, async () => {})
  t.is(counts.opens, 4)
  await budget.close()
})

test('to drop waits for those who use it, and an error of the close reaches who asked', async (t) => {
  const budget = new HandleBudget()
  const failing = { open: async () => 1, shut: async () => Promise.reject(new Error('lost')) }
  let release = () => {}
  const using = budget.use(
    failing,
    () =>
      new Promise<void>((resolve) => {
        release = resolve
      }),
  )
  await turn()
  const dropped = budget.drop(failing)
  release()
  await using
  await t.throwsAsync(dropped, { message: 'lost' })
  await budget.drop(failing)
})

test('once closed it opens nothing, and what is in use is closed when it is given back', async (t) => {
  const budget = new HandleBudget(1)
  const { counts, make } = files()
  let release = () => {}
  const using = budget.use(
    make(),
    () =>
      new Promise<void>((resolve) => {
        release = resolve
      }),
  )
  await turn()
  const waiting = t.throwsAsync(
    budget.use(make(), async () => {}),
    { code: 'ERR_STATE' },
  )
  const closed = budget.close()
  await waiting
  t.is(counts.open, 1)
  release()
  await using
  await closed
  t.is(counts.open, 0)
})

test('a budget of no handles is refused', (t) => {
  t.throws(() => new HandleBudget(0), { code: 'ERR_USAGE' })
})
