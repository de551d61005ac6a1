import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  blockingFileSystem,
  commandFileSystem,
  errorCode,
  nodeFileSystem,
  OPEN,
  openRegular,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', errorCode)

for (const [name, fs] of Object.entries({ nodeFileSystem, blockingFileSystem, commandFileSystem })) {
  test(`${name} opens what stands there only if it is a file, and never waits`, async (t) => {
    const folder = await temporary(t)

    const file = join(folder, 'file')
    writeFileSync(file, 'text')
    symlinkSync('file', join(folder, 'link'))
    mkdirSync(join(folder, 'folder'))
    const { fd, stats } = await openRegular(fs, file)
    t.is(stats.size, 4)
    await fs.close(fd)
    t.is(await codeOf(openRegular(fs, join(folder, 'link'))), 'ELOOP')
    t.is(await codeOf(openRegular(fs, join(folder, 'folder'))), 'EISDIR')
    t.is(await codeOf(openRegular(fs, join(folder, 'none'))), 'ENOENT')
    if (process.platform === 'win32') return
    execFileSync('mkfifo', [join(folder, 'pipe')])
    // four of them would hold the whole thread pool
    const pipes = Array.from({ length: 8 }, () => codeOf(openRegular(fs, join(folder, 'pipe'))))
    t.deepEqual(new Set(await Promise.all(pipes)), new Set(['ENXIO']))
    t.is(await codeOf(openRegular(fs, join(folder, 'pipe'), OPEN.update)), 'ENXIO')
  })
}

test('where no flag refuses links, they are looked for and what was opened is compared', async (t) => {
  const disk = new MemoryDisk({ platform: 'win32' })
  disk.put('/file', 'text')
  disk.put('/other', 'more')
  disk.putLink('/link', '/file')
  await disk.close((await openRegular(disk, '/file')).fd)
  t.is(await codeOf(openRegular(disk, '/link')), 'ELOOP')
  disk.hook = ({ call }) => {
    if (call === 'open') disk.move('/other', '/file')
  }
  t.is(await codeOf(openRegular(disk, '/file')), 'ELOOP')
  t.deepEqual(disk.openHandles(), [])
})
