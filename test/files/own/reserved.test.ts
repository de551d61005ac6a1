import test from 'ava'
import { temporaryName } from '../../../lib/files/index.js'
import { fileLockName, lockFolderName } from '../../../lib/files/lock/lock-names.js'
import { OWN_FOLDERS } from '../../../lib/files/own/names.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { isReservedName, storedName } from '../../../lib/files/own/reserved.js'
import { asideName } from '../../../lib/files/own/temporary-name.js'

const OURS = [
  ...OWN_FOLDERS,
  temporaryName(),
  temporaryName({ prefix: 'report.pdf' }),
  temporaryName({ prefix: 'ä', owner: { ...thisOwner(), start: '' } }),
  lockFolderName('a')!,
  lockFolderName(fileLockName('x'.repeat(300)))!,
  asideName(2n ** 64n - 1n),
]

test('what is ours, and what some disk takes for it, is reserved; what is stored instead is not', (t) => {
  const spellings = OURS.flatMap((name) => [
    name,
    name.toUpperCase(),
    `${name}.`,
    `${name} .. `,
    `${name}:stream`,
    `${name}. ::$INDEX_ALLOCATION`,
    name.replace('s', 'ſ'),
    name.replace('.', '．'),
    name.replace('l', 'ｌ'),
    `\u200c${name}`,
    name.replace('u', 'u\u200d'),
    `${name}\ufeff`,
  ])
  // how Windows shortens a name, and the fifth of those that begin alike
  const short = ['SLUICE~1', 'sluice~12', 'SL1A2B~1', 'REPORT~1.SLU', 'sluice~1.']
  for (const name of [...spellings, ...short]) {
    t.true(isReservedName(name), JSON.stringify(name))
    t.false(isReservedName(storedName(name)), JSON.stringify(name))
    t.true(Buffer.byteLength(storedName(name)) <= 255)
  }
})

test('other names are what they are', (t) => {
  const others = [
    'a',
    '.ssh',
    'sluice',
    '.sluice.json',
    '.sluicerc',
    'x.sluice',
    'sluice-lock-a',
    'a.sluice-tmp',
  ]
  for (const name of [...others, 'x.part', 'backup~', 'PROGRA~1', 'é', '_.sluice', '.sluices', '.git'])
    t.is(storedName(name), name)
})
