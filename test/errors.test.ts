import test from 'ava'
import {
  CODES,
  type Code,
  codeOf,
  exitOfCode,
  fileCodeOf,
  isSluiceError,
  printable,
  SluiceError,
  sentenceOf,
} from '../lib/errors.js'

test('an error carries its code, its details and its cause', (t) => {
  const cause = new Error('EIO')
  const error = new SluiceError('ERR_WRITE', 'cannot write a', { path: 'a', expected: 2, found: 1, cause })
  t.true(isSluiceError(error))
  t.true(isSluiceError(error, 'ERR_WRITE'))
  t.false(isSluiceError(error, 'ERR_USAGE'))
  t.false(isSluiceError(cause))
  t.like(error, { code: 'ERR_WRITE', path: 'a', expected: 2, found: 1, cause })
})

test('every code has an exit status of the table and a sentence', (t) => {
  for (const { exit, about } of Object.values(CODES)) {
    t.true([0, 1, 2, 3, 4, 5, 6, 7, 8, 130].includes(exit))
    t.true(about.length > 10)
  }
})

test('whoever knows only the code of a file that failed is told the reason, and a way out', (t) => {
  t.is(sentenceOf('ERR_DISK_FULL'), 'not enough room at the receiver; make room there and run it again')
  t.is(sentenceOf('ERR_REJECTED'), CODES.ERR_REJECTED.about)
  // what a receiver may say of one file, and a sender of one that it could not send
  for (const { exit } of [CODES.ERR_DISK_FULL, CODES.ERR_DIGEST])
    for (const code of Object.keys(CODES) as Code[])
      if (exitOfCode(code) === exit) t.regex(sentenceOf(code), /; \w/, code)
})

test('text from a peer is shown without control, direction or invisible characters', (t) => {
  t.is(printable('a\u001b[31mb\n\u202ec\u200b\\'), 'a\\u{1b}[31mb\\n\\u{202e}c\\u{200b}\\\\')
  t.is(printable('x'.repeat(5000)).length, 4097)
  t.is(printable('grün 😀'), 'grün 😀')
})

test('a peer ends a transfer only with a code that a transfer can end with, and that is never success', (t) => {
  for (const code of Object.keys(CODES) as Code[]) t.not(exitOfCode(codeOf(code)), 0, code)
  for (const code of ['ERR_SKIPPED', 'ERR_UNSENDABLE', 'ERR_FILES_FAILED', 'ERR_PARSE', 'toString'])
    t.is(codeOf(code), 'ERR_PEER')
  // what a store ends a transfer with, which nobody did wrong at the other side
  const ends: Code[] = [
    'ERR_DISK_FULL',
    'ERR_LOCK_LOST',
    'ERR_LOCKED',
    'ERR_TRANSACTION',
    'ERR_OUTCOME_UNKNOWN',
  ]
  for (const code of ends) t.is(codeOf(code), code)
})

test('a peer gives a file that failed a code of a failure, none of the program', (t) => {
  for (const code of ['ERR_SKIPPED', 'ERR_CANCELLED', 'ERR_USAGE', 'ERR_REJECTED', 'x'])
    t.is(fileCodeOf(code), 'ERR_PEER')
  for (const code of [
    'ERR_SOURCE_CHANGED',
    'ERR_UNSENDABLE',
    'ERR_DIGEST',
    'ERR_CONFLICT',
    'ERR_WRITE',
  ] as const)
    t.is(fileCodeOf(code), code)
})
