import test from 'ava'
import { Spellings } from '../../../lib/stores/together/spellings.js'

test('a path is found in every spelling, but where two spellings stand side by side', (t) => {
  const spellings = new Spellings()
  spellings.add('', ['Photos', 'a', 'A'])
  spellings.add('Photos', ['stra\u00dfe', 'b'])
  spellings.add('a', ['x'])
  spellings.add('A', ['x', 'X'])
  const isOne = (one: string, other: string) => spellings.keyOf(one) === spellings.keyOf(other)
  t.true(isOne('Photos/stra\u00dfe', 'photos/STRASSE'))
  t.false(isOne('a', 'A'))
  t.false(isOne('a/x', 'A/x'))
  t.true(isOne('a/x', 'a/X'))
  t.false(isOne('A/x', 'A/X'))
})
