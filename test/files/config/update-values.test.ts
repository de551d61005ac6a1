import test from 'ava'
import { updateJson, updateYaml } from '../../../lib/files/index.js'
import { type Counter, diskWith, increase, text } from '../../helpers/counter-file.js'

// What the function of an update is given, and what the result says: the value in the file, `initial`, or nothing.

test('a value that is changed in place and not returned is refused, since the change would be lost', async (t) => {
  const fs = diskWith('{"counted": 1, "list": [{"a": 1}]}')
  const lost = { code: 'ERR_USAGE', message: /^change returned nothing .* return the new value$/ } as const
  const options = { fs, initial: { counted: 1 } }
  const add = (value?: Counter): undefined => void value!.counted++
  await t.throwsAsync(updateJson<Counter>('/d/state.json', add, options), lost)
  await t.throwsAsync(
    updateJson<Counter>('/d/state.json', async (value) => add(value), options),
    lost,
  )
  await t.throwsAsync(updateJson<Counter>('/d/none', add, options), lost)
  await t.throwsAsync(updateYaml<Counter>('/d/state.yaml', add, options), lost)
  t.is(text(fs), '{"counted": 1, "list": [{"a": 1}]}')
  t.deepEqual(options.initial, { counted: 1 })
  t.deepEqual(fs.list(), ['/d/', '/d/state.json'])
  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
  fs.put('/d/deep', deep)
  t.is((await updateJson('/d/deep', () => undefined, { fs })).how, 'unchanged')
  const { value } = await updateJson<Counter>('/d/state.json', (counter) => add(counter) ?? counter, {
    fs,
    indent: 0,
  })
  t.is(value?.counted, 2)
})

test('a YAML file with nothing in it is as one that is missing; null in JSON is a value', async (t) => {
  const fs = diskWith('null')
  fs.put('/d/empty.yaml', '# to come\n')
  for (const path of ['/d/empty.yaml', '/d/none.yaml'])
    t.deepEqual((await updateYaml(path, increase, { fs, initial: { counted: 4 } })).value, { counted: 5 })
  const seen: unknown[] = []
  await updateJson('/d/state.json', (value) => void seen.push(value), { fs, initial: 1 })
  t.deepEqual(seen, [null])
})

test('the result says what is in the file, not what was given to the function or came from it', async (t) => {
  const fs = diskWith()
  fs.put('/d/empty.yaml', '')
  fs.put('/d/comment.yaml', '# to come\n')
  const untouched = async (path: string, initial?: unknown) =>
    (await updateYaml<unknown>(path, () => undefined, { fs, initial })).value
  for (const path of ['/d/empty.yaml', '/d/comment.yaml']) {
    t.is(await untouched(path), null)
    t.is(await untouched(path, { counted: 4 }), null)
  }
  t.is(await untouched('/d/none.yaml', { counted: 4 }), undefined)
  const given: Record<string, unknown> = { at: new Date(0), gone: undefined, list: [1] }
  for (const update of [updateJson, updateYaml]) {
    const { value } = await update('/d/state', () => given, { fs })
    t.deepEqual(value, { at: '1970-01-01T00:00:00.000Z', list: [1] })
    t.not(value!.list, given.list)
    t.deepEqual((await update('/d/state', () => undefined, { fs })).value, value)
  }
})

test('an initial value is given as if it had stood in the file, and refused where it could not stand there', async (t) => {
  const fs = diskWith('{}')
  const initial = { at: new Date(0), ['__proto__']: 1, gone: undefined }
  class Settings {
    port = 1
  }
  for (const update of [updateJson, updateYaml]) {
    const first: unknown[] = []
    await update('/d/none', (value) => void first.push(value), { fs, initial })
    await update('/d/state', () => initial, { fs })
    await update('/d/state', (value) => void first.push(value), { fs })
    t.deepEqual(first[0], JSON.parse('{"at":"1970-01-01T00:00:00.000Z","__proto__":1}'))
    t.deepEqual(first[0], first[1])
    for (const path of ['/d/none', '/d/state.json']) {
      const refused = { code: 'ERR_USAGE', message: /an instance of Settings \("\/a" of initial\)/ } as const
      await t.throwsAsync(
        update(path, () => t.fail(), { fs, initial: { a: new Settings() } }),
        refused,
      )
    }
  }
  t.deepEqual(fs.list(), ['/d/', '/d/state', '/d/state.json'])
})
