import test from 'ava'
import { Log } from '../../../lib/cli/ui/log.js'
import type { SluiceError } from '../../../lib/errors.js'
import { MemoryDisk } from '../../../lib/testing/index.js'

const AT = '2026-01-02T03:04:05.678Z'
const numbers = { published: 1, skipped: 0, there: 0, leftOut: 0, failed: 1, bytes: 5, resumedBytes: 0 }

function opened(fs = new MemoryDisk()) {
  const failures: SluiceError[] = []
  const log = new Log('/log', { fs, now: () => new Date(AT) })
  log.open((error) => failures.push(error))
  return { fs, log, failures, text: () => String(fs.snapshot().get('/log')) }
}

test('it keeps offers, warnings, errors, how transfers ended, and each file that was not simply published', (t) => {
  const { log, text, failures } = opened()
  log.take({ event: 'offer', id: 'i', name: 'a b', entries: 1, bytes: 5, peer: 'anna (ab12)' })
  log.take({ event: 'offer', id: 'j', name: 'x\ny', entries: 2, bytes: 0 })
  log.take({ event: 'warning', code: 'ERR_SKIPPED', message: 'a link' })
  log.take({ event: 'file', id: 'i', path: 'plain', status: 'published' })
  log.take({ event: 'file', id: 'i', path: 'taken', status: 'published', name: 'taken_1' })
  log.take({ event: 'file', id: 'i', path: 'bad', status: 'failed', code: 'ERR_DIGEST' })
  log.take({ event: 'state', id: 'i', state: 'completed' })
  log.take({ event: 'completed', id: 'i', ...numbers })
  log.take({ event: 'error', id: 'i', code: 'ERR_FILES_FAILED', message: '1 of 2', exit: 1 })
  log.close()
  t.deepEqual(text().split('\n'), [
    `${AT} i offer a b, 1 entry, 5 bytes from anna (ab12)`,
    `${AT} j offer x\\ny, 2 entries, 0 bytes`,
    `${AT} - warning ERR_SKIPPED a link`,
    `${AT} i file published taken as taken_1`,
    `${AT} i file failed ERR_DIGEST bad`,
    `${AT} i completed 1 published, 0 skipped, 1 failed, 5 bytes moved`,
    `${AT} i error ERR_FILES_FAILED 1 of 2 (exit status 1)`,
    '',
  ])
  t.deepEqual(failures, [])
})

test('what is there already stays, and no name and no message makes a line of its own', (t) => {
  const fs = new MemoryDisk()
  fs.put('/log', 'before\n')
  const { log, text } = opened(fs)
  const path = 'a\n2026 - warning\u001b[2J\u202e\u2028'
  log.take({ event: 'file', id: 'i\u001b', path, status: 'skipped', name: path })
  log.take({ event: 'warning', code: 'ERR_PEER', message: 'one\ntwo\r\u009b31m' })
  t.regex(text(), /^before\n[^\n]+\n[^\n]+\n$/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  t.notRegex(text(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/)
  t.true(text().includes('skipped a\\n2026 - warning\\u{1b}[2J'), text())
})

for (const [what, fails] of [
  ['cannot be opened', 'open'],
  ['cannot be written', 'write'],
] as const)
  test(`one that ${what} is told of once, and keeps nothing any more`, (t) => {
    const fs = new MemoryDisk()
    fs.fail({ call: fails, error: 'ENOSPC' })
    const { log, failures } = opened(fs)
    for (let n = 0; n < 3; n++) log.take({ event: 'warning', code: 'ERR_PEER', message: 'w' })
    log.close()
    t.deepEqual(
      failures.map(({ code, path }) => [code, path]),
      [['ERR_DISK_FULL', '/log']],
    )
    t.is(log.fd, undefined)
  })
