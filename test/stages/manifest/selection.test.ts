import test from 'ava'
import { manifestOf } from '../../../lib/index.js'
import { allClosed, disk, pathsOf, refused } from '../../helpers/listed.js'

const TREE = {
  '/p/src/main.ts': '1',
  '/p/src/main.test.ts': '2',
  '/p/src/deep/er/x.ts': '3',
  '/p/docs/a.md': '4',
  '/p/dist/main.js': '5',
  '/p/empty': null,
  '/p/note.TS': '6',
}

test('exclude leaves out what matches, and does not look into folders that do', async (t) => {
  const fs = disk(TREE)
  fs.fail({ call: 'readdir', path: '/p/dist', error: 'EIO' })
  t.deepEqual(await pathsOf(fs, ['/p'], { exclude: ['dist/', '*.test.ts', '/p/src/deep', '*.md'] }), [
    'p/',
    'p/docs/',
    'p/empty/',
    'p/note.TS',
    'p/src/',
    'p/src/main.ts',
  ])
  t.deepEqual(await pathsOf(fs, ['/p/docs/a.md', '/p/note.TS'], { exclude: ['*.md'] }), ['note.TS'])
  t.deepEqual(await pathsOf(fs, ['/p/docs'], { exclude: ['*', '!docs'] }), ['docs/'])
})

test('include leaves only what matches, and the folders that lead there', async (t) => {
  const fs = disk(TREE)
  t.deepEqual(await pathsOf(fs, ['/p'], { include: ['*.ts', '!*.test.ts'] }), [
    'p/',
    'p/src/',
    'p/src/deep/',
    'p/src/deep/er/',
    'p/src/deep/er/x.ts',
    'p/src/main.ts',
  ])
  t.deepEqual(await pathsOf(fs, ['/p'], { include: ['docs/', 'empty'] }), [
    'p/',
    'p/docs/',
    'p/docs/a.md',
    'p/empty/',
  ])
  t.deepEqual(await pathsOf(fs, ['/p'], { include: ['nothing'] }), [])
  t.deepEqual(await pathsOf(fs, ['/p'], { include: ['*.ts'], exclude: ['src'] }), [])
})

test('patterns tell upper from lower case where the platform does', async (t) => {
  t.deepEqual(await pathsOf(disk({ '/p/a.TS': '', '/p/b.ts': '' }), ['/p'], { exclude: ['*.ts'] }), [
    'p/',
    'p/a.TS',
  ])
  const mac = disk({ '/p/a.TS': '', '/p/b.ts': '' }, { platform: 'darwin' })
  t.deepEqual(await pathsOf(mac, ['/p'], { exclude: ['*.ts'] }), ['p/'])
})

test('.gitignore files are honoured from their folder down, when asked for', async (t) => {
  const fs = disk({
    '/p/.gitignore': '*.log\n/build\nsub/*.tmp\n',
    '/p/a.log': '',
    '/p/build/x': '',
    '/p/sub/.gitignore': '!keep.log\nlocal\n',
    '/p/sub/keep.log': '',
    '/p/sub/drop.log': '',
    '/p/sub/x.tmp': '',
    '/p/sub/build': '',
    '/p/sub/local/y': '',
    '/p/sub/deep/keep.log': '',
    '/p/local': '',
    '/q/a.log': '',
  })
  t.deepEqual(await pathsOf(fs, ['/p', '/q'], { gitignore: true }), [
    'p/',
    'p/.gitignore',
    'p/local',
    'p/sub/',
    'p/sub/.gitignore',
    'p/sub/build',
    'p/sub/deep/',
    'p/sub/deep/keep.log',
    'p/sub/keep.log',
    'q/',
    'q/a.log',
  ])
  t.is((await pathsOf(fs, ['/p', '/q'])).length, 18)
})

test('a .gitignore that cannot be read is an error: what it keeps back must not be sent', async (t) => {
  const fs = disk({ '/p/.gitignore': 'secret', '/p/secret': '' })
  fs.fail({ call: 'read', path: '/p/.gitignore', error: 'EIO' })
  await refused(t, 'ERR_SOURCE_READ', manifestOf(['/p'], { fs, gitignore: true }), /\.gitignore/)
  fs.put('/p/.gitignore', Buffer.alloc(1024 * 1024 + 1, 'x\n'))
  await refused(t, 'ERR_SOURCE_READ', manifestOf(['/p'], { fs, gitignore: true }), /1048577 bytes/)
  allClosed(fs)
})

test('a .gitignore that is a link or a folder is none', async (t) => {
  const fs = disk({ '/p/.gitignore/a': '', '/q/rules': 'rules\n' })
  fs.putLink('/q/.gitignore', 'rules')
  t.deepEqual(await pathsOf(fs, ['/p', '/q'], { gitignore: true }), [
    'p/',
    'p/.gitignore/',
    'p/.gitignore/a',
    'q/',
    'q/rules',
  ])
})
