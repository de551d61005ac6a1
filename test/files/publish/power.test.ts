import test from 'ava'
import type { OpenFolder } from '../../../lib/files/index.js'
import { OPEN, publish, recoverPublish, recoverReplaced, Tree, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { deadAside } from '../../helpers/asides.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'

// What a publication says is so after a power cut, and what it took away does not come back.

const CONTENT = 'new content '.repeat(20)

async function inD(disk: MemoryDisk, act: (directory: OpenFolder) => Promise<unknown>): Promise<void> {
  const tree = await Tree.open('/d', { fs: disk })
  const directory = await tree.folder('')
  await act(directory)
  directory.release()
  await tree.close()
}

function filesOf(disk: MemoryDisk): Record<string, string> {
  return Object.fromEntries([...disk.snapshot()].map(([path, text]) => [path, text.toString()]))
}

function check(found: boolean, what: string): void {
  if (!found) throw new Error(what)
}

test('what a killed process left between link and unlink is ended so that a power cut loses neither the file nor the end', async (t) => {
  const { states } = await crashSweep({
    // only few of the orders in which names can reach the disk lose one
    seeds: scale(60, 300),
    set: (disk) => disk.put('/d/n.part', CONTENT),
    work: async (disk) => {
      await disk.link('/d/n.part', '/d/n')
      await inD(disk, (directory) => recoverPublish(disk, directory, 'n.part', 'n', 'power'))
    },
    look: (found, acknowledged, place) => {
      const files = filesOf(found)
      const where = `${place}: ${Object.keys(files)}`
      if (acknowledged) check(files['/d/n'] === CONTENT && !('/d/n.part' in files), where)
      else check(files['/d/n'] === CONTENT || files['/d/n.part'] === CONTENT, where)
    },
  })
  t.log(`${states} states`)
  t.true(states > scale(2, 5))
})

for (const [conflict, standing] of [
  ['skip', 'other content'],
  ['rename', CONTENT],
] as const) {
  test(`a temporary file that was of no use does not come back (${conflict}), and what was taken for it lasts`, async (t) => {
    const { states } = await crashSweep({
      set: (disk) => disk.put('/d/n.part', CONTENT),
      work: async (disk) => {
        // somebody wrote it just now, and synced nothing
        const fd = await disk.open('/d/n', OPEN.create)
        await writeFully(disk, fd, [Buffer.from(standing)], 0)
        await disk.close(fd)
        const isThere = async () => standing === CONTENT
        await inD(disk, (directory) =>
          publish(disk, directory, 'n.part', 'n', { conflict, durability: 'power', isThere }),
        )
      },
      look: (found, acknowledged, place) => {
        const files = filesOf(found)
        const where = `${place}: ${JSON.stringify(files)}`
        if (acknowledged) check(!('/d/n.part' in files), where)
        if (standing !== CONTENT) return
        check(files['/d/n'] === CONTENT || (!acknowledged && files['/d/n.part'] === CONTENT), where)
      },
    })
    t.log(`${states} states`)
    t.true(states > scale(2, 5))
  })
}

test('a folder that was moved back from aside is there after a power cut', async (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new MemoryDisk({ crashes: true })
    disk.put(`/d/${deadAside(0x63n)}/n/file`, 'old')
    disk.syncAll()
    await inD(disk, async (directory) => {
      t.deepEqual((await recoverReplaced(disk, directory)).restored, ['n'])
    })
    t.is(filesOf(disk.crash(seed))['/d/n/file'], 'old')
  }
})
