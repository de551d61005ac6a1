import test from 'ava'
import { run } from '../helpers/command.js'

test('no engine complains of a flag that it does not have', async (t) => {
  const { code, err } = await run(t, '--version')
  t.is(code, 0)
  t.is(err, '')
})
