import { constants } from 'node:os'
import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import { diskError, errorCode, SystemError } from '../../../lib/files/index.js'

test('a system error becomes a code of ours, with path, reason and way out', (t) => {
  const codes = {
    ENOSPC: 'ERR_DISK_FULL',
    EDQUOT: 'ERR_DISK_FULL',
    EROFS: 'ERR_READ_ONLY',
    EACCES: 'ERR_PERMISSION',
    EPERM: 'ERR_PERMISSION',
    ELOOP: 'ERR_UNSAFE_LINK',
    EIO: 'ERR_WRITE',
    EWHATEVER: 'ERR_WRITE',
  } as const
  for (const [system, code] of Object.entries(codes)) {
    const cause = new SystemError(system, 'write', '3 of 4 bytes')
    const error = diskError(cause, 'write', 'a/\u001bb')
    t.like(error, { code, cause, path: 'a/\u001bb' })
    t.true(error.message.startsWith('cannot write a/\\u{1b}b: '), error.message)
    t.true(error.message.includes(`(${system}, 3 of 4 bytes)`), error.message)
  }
  t.regex(diskError(Object.assign(new Error('x'), { code: 'ENOSPC' }), 'write', 'a').message, /make room/)
})

test('where a code has several meanings, the call tells which', (t) => {
  const said = (code: string, syscall: string) =>
    diskError(Object.assign(new Error('x'), { code, syscall }), 'write', 'a').message
  t.regex(said('ENOSPC', 'write'), /no space is left/)
  for (const call of ['open', 'mkdir', 'link', 'symlink', 'rename']) t.regex(said('ENOSPC', call), /inodes/)
  for (const call of ['rename', 'unlink', 'rmdir'])
    t.regex(said('EBUSY', call), /mounted there.*mount its folder/)
  t.regex(said('EBUSY', 'read'), /in use \(EBUSY\)/)
  t.notRegex(diskError(new SystemError('EBUSY', 'open', 'it was exchanged'), 'write', 'a').message, /mounted/)
  t.regex(said('EDQUOT', 'write'), /quota/)
  t.regex(said('EFBIG', 'write'), /ulimit -f/)
})

test('a code that Node does not know is told by its number', (t) => {
  const { EDQUOT } = constants.errno
  for (const code of ['UNKNOWN', `Unknown system error ${-EDQUOT}`]) {
    const cause = Object.assign(new Error(`${code}: unknown error, write`), { code, errno: -EDQUOT })
    t.is(errorCode(cause), 'EDQUOT')
    t.like(diskError(cause, 'write', 'a'), { code: 'ERR_DISK_FULL', cause })
  }
  t.is(errorCode(Object.assign(new Error('x'), { code: 'UNKNOWN', errno: -999_999 })), 'UNKNOWN')
  t.is(errorCode(Object.assign(new Error('x'), { code: 'UNKNOWN' })), 'UNKNOWN')
})

test('an error of ours stays what it is, and a stranger is shown', (t) => {
  const ours = new SluiceError('ERR_CONFLICT', 'taken')
  t.is(diskError(ours, 'publish', 'a'), ours)
  t.regex(
    diskError(new TypeError('no such method'), 'write', 'a').message,
    /cannot write a: .*no such method/,
  )
  t.regex(diskError('odd', 'write', 'a').message, /odd/)
  t.is(errorCode('odd'), undefined)
  t.is(errorCode(new Error('x')), undefined)
  t.is(errorCode(Object.assign(new Error('x'), { code: 5 })), undefined)
})
