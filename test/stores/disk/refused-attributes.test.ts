import test from 'ava'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, bytesOf, type Content, MTIME } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

const SENT: Content = {
  d: null,
  'd/small': 'small',
  'd/deep': null,
  'd/deep/large': 'x'.repeat(200_000),
  empty: '',
  late: 'read only',
}

for (const call of ['fchmod', 'futimes'] as const)
  for (const error of ['EPERM', 'ENOTSUP'])
    for (const durability of ['crash', 'power'] as const)
      test(`what is verified is published although ${call} is ${error}, with a warning (${durability})`, async (t) => {
        // the umask takes bits away, so that modes have to be set
        const disk = new MemoryDisk({ umask: 0o077 })
        disk.fail({ call, error, once: false })
        const received = await receiveItems(arrivingOf(SENT, { modes: { late: 0o444 } }), {
          dir: '/in',
          fs: disk,
          durability,
        })
        t.is(received.error, undefined)
        for (const status of Object.values(statuses(received.outcomes))) t.regex(status, /^published/)
        for (const [path, content] of Object.entries(SENT)) {
          if (call === 'fchmod') t.is(Math.floor((await disk.stat(`/in/${path}`)).mtimeMs), MTIME, path)
          if (content !== null) t.true(disk.snapshot().get(`/in/${path}`)?.equals(bytesOf(content)), path)
        }
        const warnings = received.outcomes.flatMap(({ error }) => error ?? [])
        t.true(warnings.length >= 3, `${warnings}`)
        for (const { code } of warnings) t.is(code, 'ERR_PERMISSION')
        t.deepEqual(
          disk.list().filter((path) => path.includes('.part')),
          [],
        )
        t.deepEqual(disk.openHandles(), [])
      })
