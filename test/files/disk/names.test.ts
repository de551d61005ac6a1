import test from 'ava'
import fc from 'fast-check'
import { foldName, isPartNameOf, partCandidate, partName, suffixed } from '../../../lib/files/disk/names.js'

const bytes = (text: string) => Buffer.byteLength(text)

for (const [name, n, expected] of [
  ['report.pdf', 1, 'report_1.pdf'],
  ['report.pdf', 12, 'report_12.pdf'],
  ['a.tar.gz', 1, 'a_1.tar.gz'],
  ['A.TAR.XZ', 1, 'A_1.TAR.XZ'],
  ['photo.2020.jpg', 1, 'photo.2020_1.jpg'],
  ['README', 1, 'README_1'],
  ['.bashrc', 1, '.bashrc_1'],
  ['.config.json', 1, '.config_1.json'],
  ['.tar.gz', 1, '.tar_1.gz'],
  ['...', 1, '..._1'],
  ['report.pdf', 0, 'report.pdf'],
  ['a.', 1, 'a._1'],
  ['Chapter 1. The end', 2, 'Chapter 1. The end_2'],
  [`a.${'x'.repeat(40)}`, 1, `a.${'x'.repeat(40)}_1`],
] as const) {
  test(`the name ${name.slice(0, 20)} with the number ${n} is ${expected.slice(0, 30)}`, (t) => {
    t.is(suffixed(name, n), expected)
  })
}

test('HOSTILE-INPUT 16: a name of 255 bytes has a shorter part name and a shorter suffixed name', (t) => {
  const name = `${'n'.repeat(251)}.pdf`
  t.is(partName(name), `${'n'.repeat(250)}.part`)
  t.regex(suffixed(name, 1), /^n{236}-[0-9a-f]{12}_1\.pdf$/)
  const emoji = '👍'.repeat(63)
  t.is(partName(emoji), `${'👍'.repeat(62)}.part`)
  t.is(suffixed(emoji, 10), `${'👍'.repeat(63)}_10`)
  t.regex(suffixed(`${'👍'.repeat(63)}aaa`, 1), /^(👍){60}-[0-9a-f]{12}_1$/u)
})

test('names stay within 255 bytes, whole characters, and tell themselves apart', (t) => {
  const anyName = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
    .filter((s) => !/[/\0]/.test(s))
  fc.assert(
    fc.property(anyName, fc.integer({ min: 1, max: 99_999 }), (name, n) => {
      for (const made of [suffixed(name, n), partCandidate(name, n), partName(name)]) {
        if (bytes(made) > Math.max(255, 0) || !made.isWellFormed()) return false
      }
      return (
        suffixed(name, n) !== suffixed(name, n + 1) &&
        partCandidate(name, n) !== partCandidate(name, n - 1) &&
        isPartNameOf(partCandidate(name, n), name) &&
        isPartNameOf(partCandidate(name, 1 + (n % 4)), name)
      )
    }),
  )
  t.pass()
})

test('names that are long and begin alike do not compete for the same numbers', (t) => {
  const names = Array.from({ length: 100 }, (_, n) => `${'p'.repeat(249)}${String(n).padStart(6, '0')}`)
  t.is(new Set(names.map((name) => suffixed(name, 1))).size, 100)
  t.is(new Set(names.map((name) => partCandidate(name, 4))).size, 100)
})

test('KNOWN-FAILURES 12: the part of x is not called like a file that is called x.part', (t) => {
  const taken = new Set(['x.part', 'x.1.part'])
  t.is(
    partName('x', (name) => taken.has(name)),
    'x.2.part',
  )
})

test('a part name is recognised by the name that it belongs to', (t) => {
  t.true(isPartNameOf('x.part', 'x'))
  t.true(isPartNameOf('x.3.part', 'x'))
  t.true(isPartNameOf('x.0123456789abcdef.part', 'x'))
  t.true(isPartNameOf('x.1.part', 'x.1'))
  t.true(isPartNameOf('x.1.2.part', 'x.1'))
  for (const other of [
    'x',
    'y.part',
    'x.part.part',
    'x.01.part',
    'x.0.part',
    'x.17.part',
    'important.txt',
    '.part',
  ]) {
    t.false(isPartNameOf(other, 'x'), other)
  }
})

test('names that are one on some file system fold to one', (t) => {
  t.is(foldName('A.TXT'), foldName('a.txt'))
  t.is(foldName('e\u0301'), foldName('\u00e9'))
  t.is(foldName('STRASSE'), foldName('straße'))
  t.not(foldName('a'), foldName('b'))
})
