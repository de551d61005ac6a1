import test from 'ava'
import { PublishedVersions } from '../../lib/index.js'
import { disk } from '../helpers/listed.js'

const fs = disk({ '/a.jpg': 'one', '/a_1.jpg': 'two', '/folder': null })
const [file, other, folder] = await Promise.all(
  ['/a.jpg', '/a_1.jpg', '/folder'].map((path) => fs.lstat(path)),
)

test('a version is untouched as long as the same file has its name, with the same size and times', (t) => {
  const versions = new PublishedVersions()
  versions.note('a.jpg', 'a.jpg', file!)
  t.true(versions.isUntouched('a.jpg', 'a.jpg', file!))
  t.false(versions.isUntouched('a.jpg', 'a_1.jpg', file!), 'it was moved')
  t.false(versions.isUntouched('b.jpg', 'a.jpg', file!), 'it is one of another file')
  t.false(versions.isUntouched('a.jpg', 'a.jpg', other!), 'another one has its name')
  for (const change of [{ size: 4 }, { mtimeMs: 1 }, { ctimeMs: 1 }, { dev: 7n }]) {
    const changed = Object.assign(Object.create(file!), change)
    t.false(versions.isUntouched('a.jpg', 'a.jpg', changed))
  }
  t.false(versions.isUntouched('folder', 'folder', folder!))
})

test('the next version is to have the suffix of the one before', (t) => {
  const versions = new PublishedVersions()
  const names: [path: string, name: string, suffix: number | undefined][] = [
    ['photos/a.jpg', 'photos/a.jpg', undefined],
    ['photos/b.jpg', 'photos/b_1.jpg', 1],
    ['c.tar.gz', 'c_12.tar.gz', 12],
    ['d_1.txt', 'd_1_2.txt', 2],
  ]
  for (const [path, name] of names) versions.note(path, name, file!)
  for (const [path, , suffix] of names) t.is(versions.suffixOf(path), suffix, path)
  t.is(versions.suffixOf('unknown'), undefined)
})

test('what is kept is bounded by its memory: the oldest are forgotten', (t) => {
  const versions = new PublishedVersions(600)
  for (const path of ['a', 'b', 'a', 'c']) versions.note(path, path, file!)
  t.true(versions.isUntouched('a', 'a', file!))
  t.false(versions.isUntouched('b', 'b', file!))
  t.true(versions.isUntouched('c', 'c', file!))
  t.true(versions.bytes <= 600)
  versions.note('d'.repeat(4096), 'd', file!)
  t.is(versions.bytes, 0, 'it is larger than all that may be kept')
  t.throws(() => new PublishedVersions(-1), { code: 'ERR_USAGE' })
})

test('a series goes on with the versions of another object', (t) => {
  const [versions, before] = [new PublishedVersions(), new PublishedVersions()]
  before.note('a.jpg', 'a_1.jpg', other!)
  versions.adopt(before)
  t.true(versions.isUntouched('a.jpg', 'a_1.jpg', other!))
  t.is(versions.bytes, before.bytes)
  versions.clear()
  t.false(versions.isUntouched('a.jpg', 'a_1.jpg', other!))
  t.is(versions.bytes, 0)
})
