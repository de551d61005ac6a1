import test from 'ava'
import fc from 'fast-check'
import {
  type Choice,
  Choices,
  MOST_FOUND,
  outermost,
  wasChosen,
  withFolders,
} from '../../lib/cli/ui/input/choices.js'

const file = (path: string): Choice => ({ path, type: 'file' })
const folder = (path: string): Choice => ({ path, type: 'directory' })
const paths = (choices: readonly Choice[]) => choices.map(({ path }) => path)

test('without a text the top is found, or what is in the only folder there; with one all that has it in its path', (t) => {
  const all = [folder('a'), folder('a/B'), file('a/B/one.txt'), file('two.txt')]
  const choices = new Choices(all)
  t.deepEqual(paths(choices.matching('')), ['a', 'two.txt'])
  t.deepEqual(paths(choices.matching('.TXT')), ['a/B/one.txt', 'two.txt'])
  t.deepEqual(paths(choices.matching('b/')), ['a/B', 'a/B/one.txt'])
  t.deepEqual(paths(choices.matching('nowhere')), [])
  t.deepEqual(paths(new Choices(all.slice(0, 3)).matching('')), ['a/B'])
  t.deepEqual(paths(new Choices([folder('empty')]).matching('')), ['empty'])
  t.deepEqual(paths(new Choices([file('one')]).matching('')), ['one'])
})

test('of very many so many are found, and the same search is not made twice', (t) => {
  const choices = new Choices(Array.from({ length: 5000 }, (_, n) => file(`${n}`)))
  t.is(choices.matching('').length, MOST_FOUND)
  t.is(choices.matching('1'), choices.matching('1'))
})

test('folders that are offered only by what is in them can be chosen, too', async (t) => {
  const all = await withFolders([file('a/b/c'), file('a/d'), folder('e'), file('e/f')])
  t.deepEqual(
    all.filter(({ type }) => type === 'directory').map(({ path }) => path),
    ['a/b', 'a', 'e'],
  )
})

test('a chosen folder is taken with all in it, and those above what was chosen are made', (t) => {
  const isWanted = wasChosen(['a/b', 'x.txt'])
  for (const one of [folder('a'), folder('a/b'), file('a/b/c'), file('a/b/d/e'), file('x.txt')])
    t.true(isWanted(one), one.path)
  for (const one of [file('a/bc'), file('a/c'), folder('a/c'), file('x.txt2'), file('y/x.txt'), file('a')])
    t.false(isWanted(one), one.path)
})

test('what is in a chosen folder is not chosen again', (t) => {
  const NAME = fc.constantFrom('a', 'b', 'c')
  const PATH = fc.array(NAME, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
  fc.assert(
    fc.property(fc.uniqueArray(PATH), PATH, (chosen, path) => {
      const few = outermost(chosen)
      t.is(wasChosen(few)(file(path)), wasChosen(chosen)(file(path)))
      for (const one of few) t.false(wasChosen(few.filter((other) => other !== one))(file(one)))
    }),
  )
})
