import test from 'ava'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'

// What comes from a stream, a database or memory has a mode only if somebody chose one.

const CONTENT = {
  made: null,
  'made/a': 'a',
  'made/large': Buffer.alloc(300_000, 'x'),
  chosen: null,
  'chosen/b': 'b',
}

for (const umask of [0o002, 0o022, 0o077])
  for (const durability of ['crash', 'power'] as const)
    test(`what nobody chose a mode for has what the umask of ${umask.toString(8)} leaves, and no more (${durability})`, async (t) => {
      const disk = new MemoryDisk({ umask })
      disk.putFolder('/dst')
      const modes = { made: null, 'made/a': null, 'made/large': null, chosen: 0o750, 'chosen/b': 0o640 }
      const { error } = await receiveItems(arrivingOf(CONTENT, { modes }), {
        dir: '/dst',
        fs: disk,
        durability,
      })
      t.is(error, undefined)
      const found = async (path: string) => ((await disk.lstat(`/dst/${path}`)).mode & 0o777).toString(8)
      t.is(await found('made'), (0o777 & ~umask).toString(8))
      t.is(await found('made/a'), (0o666 & ~umask).toString(8))
      t.is(await found('made/large'), (0o666 & ~umask).toString(8))
      t.is(await found('chosen'), '750')
      t.is(await found('chosen/b'), '640')
    })
