import test from 'ava'
import { type OpenFolder, publish, recoverPublish, recoverReplaced, Tree } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { everybodyIsDead } from '../../helpers/asides.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'

// The power is cut at every call of a publication, over everything that can have the name, and of what ends it.

const CONTENT = 'new content '.repeat(100)
const PARTS = ['n', 'n_1']

async function withDirectory(disk: MemoryDisk, act: (directory: OpenFolder) => Promise<unknown>) {
  const tree = await Tree.open('/d', { fs: disk })
  const directory = await tree.folder('')
  await act(directory)
  directory.release()
  await tree.close()
}

function set(disk: MemoryDisk, standing: string): void {
  disk.put('/d/n.part', CONTENT)
  disk.put('/d/other', 'other')
  if (standing === 'file') disk.put('/d/n', 'old')
  if (standing === 'folder') disk.put('/d/n/file', 'old')
}

/** What is wrong with a disk that was found, and on which a recovery has ended. */
function wrong(found: MemoryDisk, standing: string, conflict: string, links: boolean, acknowledged: boolean) {
  const files = new Map([...found.snapshot()].map(([path, text]) => [path, text.toString()]))
  const wrong: string[] = []
  const expect = (holds: boolean, what: string) => holds || wrong.push(what)
  expect(files.get('/d/other') === 'other', 'another file')
  const isPublished = PARTS.some((name) => files.get(`/d/${name}`) === CONTENT)
  expect(isPublished || (!acknowledged && files.get('/d/n.part') === CONTENT), 'the content')
  for (const name of PARTS) {
    const text = files.get(`/d/${name}`)
    // without links the empty placeholder may be found
    const isWhole = text === undefined || text === CONTENT || text === 'old' || (!links && text === '')
    expect(isWhole, `${name} holds ${text}`)
  }
  const isKept = files.get('/d/n') === 'old' || files.get('/d/n/file') === 'old'
  const isReplaced = conflict !== 'rename' && files.get('/d/n') === CONTENT
  expect(standing === 'nothing' || isKept || isReplaced, 'what stood there')
  if (acknowledged) expect(!files.has('/d/n.part'), 'the part is left')
  expect(!found.list().some((path) => path.includes('aside')), 'a folder that was moved aside is left')
  if (wrong.length > 0) wrong.push(...found.list())
  return wrong
}

for (const links of [true, false]) {
  for (const conflict of ['rename', 'overwrite', 'replace'] as const) {
    test(`a power cut at any call of a publication loses nothing (${conflict}${links ? '' : ', no links'})`, async (t) => {
      let all = 0
      for (const standing of ['nothing', 'file', 'folder']) {
        const { states } = await crashSweep({
          options: { links },
          set: (disk) => set(disk, standing),
          work: (disk) =>
            withDirectory(disk, (directory) =>
              publish(disk, directory, 'n.part', 'n', { conflict, durability: 'power' }),
            ),
          recover: (disk) =>
            withDirectory(disk, async (directory) => {
              await recoverReplaced(disk, directory, { system: everybodyIsDead })
              for (const name of PARTS) await recoverPublish(disk, directory, 'n.part', name, 'power')
            }),
          look: (found, acknowledged, place) => {
            const what = wrong(found, standing, conflict, links, acknowledged)
            if (what.length > 0) throw new Error(`${standing}, ${place}: ${what.join(', ')}`)
          },
          seeds: scale(8, 60),
          again: scale(standing === 'folder' ? 1 : 0, 2),
        })
        all += states
      }
      t.log(`${all} states`)
      t.true(all > scale(20, 100))
    })
  }
}
