import test from 'ava'
import fc from 'fast-check'
import { checkPath } from '../../lib/wire/paths.js'

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

test('the limits are bytes of UTF-8 and numbers of names', (t) => {
  const limits = { path: 9, name: 4, depth: 3 }
  for (const path of ['a/b/c', 'üü', '\u{1f600}/\u{1f600}']) t.notThrows(() => checkPath(path, { limits }))
  for (const [path, message] of [
    ['a/b/c/d', /deeper than 3/],
    ['üüü', /name longer than 4/],
    ['aaa/bbb/cc', /longer than 9 bytes/],
  ] as const) {
    t.throws(() => checkPath(path, { limits }), { code: 'ERR_PATH', message })
  }
})

test('a policy that is none is an error of use', (t) => {
  t.throws(() => checkPath('a', { names: 'posix' as 'native' }), { code: 'ERR_USAGE' })
})

test('what is no text is an error of use, since a peer may give anything', (t) => {
  for (const path of [undefined, null, {}, 7, ['a']])
    t.throws(() => checkPath(path as never), { code: 'ERR_USAGE', message: /^path must be a text, not/ })
})

test('without rules, the platform that this runs on decides', (t) => {
  const fate = process.platform === 'win32' ? t.throws : t.notThrows
  fate(() => checkPath('a:b'))
})
