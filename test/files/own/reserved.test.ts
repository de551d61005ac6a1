import { basename } from 'node:path'
import test from 'ava'
import { parseBackupName } from '../../../lib/files/atomic/backups.js'
import { nextRotated } from '../../../lib/files/audit/audit-file.js'
import { temporaryName, writeFileAtomic } from '../../../lib/files/index.js'
import { fileLockName, lockFolderName } from '../../../lib/files/lock/lock-names.js'
import { OWN_FOLDERS } from '../../../lib/files/own/names.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { isOwnName, isReservedName, storedName } from '../../../lib/files/own/reserved.js'
import { asideName } from '../../../lib/files/own/temporary-name.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const OURS = [
  ...OWN_FOLDERS,
  temporaryName(),
  temporaryName({ prefix: 'report.pdf' }),
  temporaryName({ prefix: 'ä', owner: { ...thisOwner(), start: '' } }),
  lockFolderName('a')!,
  lockFolderName(fileLockName('x'.repeat(300)))!,
  asideName(2n ** 64n - 1n),
]

/** What a write and a trail keep beside their files, as they name it. */
async function kept(): Promise<string[]> {
  const fs = new MemoryDisk()
  const names: string[] = []
  for (const name of ['settings.json', 'a', 'é'.repeat(120)]) {
    fs.put(`/d/${name}`, 'old')
    const { backup } = await writeFileAtomic(`/d/${name}`, 'new', { fs, backup: 1 })
    names.push(basename(backup!), basename(nextRotated(`/d/${name.slice(0, 20)}`, []).path))
  }
  return [...names, 'audit.jsonl.999999999999999-ffffffff']
}

/** What some disk takes for the same name. */
function spellingsOf(names: readonly string[]): string[] {
  return names.flatMap((name) => [
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
}

test('what is ours, and what some disk takes for it, is reserved; what is stored instead is not', (t) => {
  // how Windows shortens a name, and the fifth of those that begin alike
  const short = ['SLUICE~1', 'sluice~12', 'SL1A2B~1', 'REPORT~1.SLU', 'REPORT～1.SLU', 'sluice~1.']
  for (const name of [...spellingsOf(OURS), ...short]) {
    t.true(isOwnName(name), JSON.stringify(name))
    t.true(isReservedName(name), JSON.stringify(name))
    t.false(isReservedName(storedName(name)), JSON.stringify(name))
    t.true(Buffer.byteLength(storedName(name)) <= 255)
  }
})

test('so is what is kept beside a file, whose names are the user’s own all the same', async (t) => {
  const names = await kept()
  const spellings = spellingsOf([...names, ...names.map((name) => name.replace('0', '０'))])
  for (const name of [...spellings, 'SETTIN~1.BAK', 'audit~12.000', 'settin～1.bak']) {
    t.true(isReservedName(name), JSON.stringify(name))
    t.false(isOwnName(name), JSON.stringify(name))
    const stored = storedName(name)
    t.regex(stored, /^_/)
    t.false(isReservedName(stored), JSON.stringify(stored))
    // nor is it kept beside a file whose name begins with _
    t.is(parseBackupName(stored), undefined)
    t.true(Buffer.byteLength(stored) <= 255)
  }
  t.is(storedName('a.20261121T093015123Z.4f0a.bak'), '_a.20261121T093015123Z.4f0a.bak_')
  t.is(storedName('.sluice-lock-a.99999990-ffffffff'), '_.sluice-lock-a.99999990-ffffffff_')
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
  const likeKept = [
    'ls.1',
    'a.log.2.gz',
    'a.bak',
    'a.20261121.bak',
    'a.20261121T093015.bak',
    'x-deadbeef',
    'a.2026-1',
  ]
  for (const name of [
    ...others,
    ...likeKept,
    'x.part',
    'backup~',
    'PROGRA~1',
    'é',
    '_.sluice',
    '.sluices',
    '.git',
  ])
    t.is(storedName(name), name)
})
