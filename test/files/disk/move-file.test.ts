import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { copyFile } from '../../../lib/files/disk/move-file.js'
import { nodeFileSystem, OPEN } from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'

test('a copy is as old as its original, to the millisecond', async (t) => {
  const folder = await temporary(t)
  const fs = nodeFileSystem
  const from = join(folder, 'from')
  await writeFile(from, 'content')
  for (let i = 0; i < 40; i++) {
    const mtime = 1_700_000_000_001 + 1037 * i
    const fd = await fs.open(from, OPEN.update)
    await fs.futimes(fd, 0, (mtime + 0.0005) / 1000)
    await fs.close(fd)
    t.is(Math.floor((await stat(from)).mtimeMs), mtime)
    const to = join(folder, `copy ${i}`)
    await copyFile(fs, from, to, false)
    t.is(Math.floor((await stat(to)).mtimeMs), mtime)
  }
})
