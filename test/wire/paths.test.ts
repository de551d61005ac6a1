import test from 'ava'
import fc from 'fast-check'
import { checkPath } from '../../lib/wire/paths.js'

/** HOSTILE-INPUT 1 to 17, one case a line. R: refused always. P: refused where the platform interprets it. */
const CASES: [number, string, 'R' | 'P' | 'taken'][] = [
  [1, '../x', 'R'],
  [1, 'a/../../x', 'R'],
  [1, 'a/..', 'R'],
  [2, '/etc/x', 'R'],
  [3, '..\\..\\x', 'P'],
  [4, 'C:x', 'P'],
  [4, 'C:/x', 'P'],
  [4, 'C:../x', 'P'],
  [5, '\\\\?\\C:\\x', 'P'],
  [5, '//srv/s', 'R'],
  [6, '../dst-evil/x', 'R'],
  [7, '', 'R'],
  [7, '.', 'R'],
  [7, '..', 'R'],
  [8, 'a//b', 'R'],
  [8, './a', 'R'],
  [8, 'a/.', 'R'],
  [8, 'a/', 'R'],
  [9, 'a\0b', 'R'],
  [10, '\ud800', 'R'],
  [11, 'a\u001b[31m', 'P'],
  [11, 'a\nb', 'P'],
  [12, 'photo\u202egpj.exe', 'taken'],
  [12, 'a\u200bb', 'taken'],
  [13, 'CON', 'P'],
  [13, 'nul.txt', 'P'],
  [13, 'a/LPT0', 'P'],
  [13, 'com¹', 'P'],
  [13, 'CONIN$', 'P'],
  [13, 'console', 'taken'],
  [14, 'a:stream', 'P'],
  [14, ':2,S', 'P'],
  [15, 'a.', 'P'],
  [15, 'a /b', 'P'],
  [15, '...', 'P'],
  [16, 'n'.repeat(255), 'taken'],
  [16, 'n'.repeat(256), 'R'],
  [16, 'ü'.repeat(128), 'R'],
  [17, `${'d/'.repeat(63)}f`, 'taken'],
  [17, `${'d/'.repeat(64)}f`, 'R'],
  [17, `${`${'d'.repeat(200)}/`.repeat(21)}f`, 'R'],
  [22, '-rf', 'taken'],
  [22, '$(x)', 'taken'],
  [22, '%2e%2e%2f', 'taken'],
  [23, '.ssh/authorized_keys', 'taken'],
  [0, 'a..b', 'taken'],
  [0, 'system-dm\\x2dcrypt.unit', 'P'],
]

for (const [number, path, expected] of CASES) {
  test(`HOSTILE-INPUT ${number}: ${JSON.stringify(path.slice(0, 30))} of ${path.length} is ${expected}`, (t) => {
    const refused = (rules: Parameters<typeof checkPath>[1]) => {
      try {
        checkPath(path, rules)
        return false
      } catch (error) {
        t.like(error, { code: 'ERR_PATH', path })
        return true
      }
    }
    t.is(refused({ platform: 'linux' }), expected === 'R')
    t.is(refused({ platform: 'darwin' }), expected === 'R')
    t.is(refused({ platform: 'win32' }), expected !== 'taken')
    t.is(refused({ platform: 'linux', names: 'portable' }), expected !== 'taken')
  })
}

test('a path that is taken never leads out of its folder', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', ':') }), (path) => {
      try {
        checkPath(path, { platform: 'linux' })
      } catch {
        return true
      }
      const url = new URL(path.split('/').map(encodeURIComponent).join('/'), 'file:///root/')
      return url.pathname.startsWith('/root/') && url.pathname !== '/root/'
    }),
  )
  t.pass()
})

test('a refusal shows the path escaped', (t) => {
  const error = t.throws(() => checkPath('/\u001b[31m\n'), { code: 'ERR_PATH' })
  t.false(/\p{Cc}/u.test(error!.message))
})
