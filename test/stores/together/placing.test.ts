import test from 'ava'
import { Tree } from '../../../lib/files/index.js'
import { StagedPaths } from '../../../lib/stores/together/placing.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { POLICY } from '../../helpers/claims-scene.js'

/** A disk on which one folder ignores case, and the one that all is staged in does not. */
class OneFolds extends MemoryDisk {
  override lstat = (path: string) =>
    super.lstat(path.replace(/^\/d\/folds\/.*/, (below) => below.toLowerCase()))
}

for (const [unless, size] of [
  ['identical', 3],
  ['unchanged', 3],
  ['nothing', 5],
] as const)
  test(`a name that is two where all waits, and one where it goes, is given once, unless ${unless}`, async (t) => {
    const disk = new OneFolds({ platform: 'darwin' })
    disk.put('/d/folds/a', 'old')
    for (const [path, text] of [
      ['a', 'old'],
      ['A', 'new'],
    ] as const)
      disk.put(`/d/staged/folds/${path}`, text.padEnd(size))
    for (const path of ['/d/folds/a', '/d/staged/folds/a', '/d/staged/folds/A']) {
      const fd = await disk.open(path, 2)
      await disk.futimes(fd, 1000, 1000)
      await disk.close(fd)
    }
    const tree = await Tree.open('/d', { fs: disk })
    const areSame = async ([, staged]: readonly [string, string]) => staged.endsWith('/a')
    const placing = new StagedPaths(tree, 'staged', { ...POLICY, unless, conflict: 'overwrite' }, areSame)
    await placing.find()
    const names = ['folds/A', 'folds/a'].map((path) => placing.of(path)?.name ?? path)
    t.is(new Set(names.map((name) => name.toLowerCase())).size, 2, `${names}`)
    await tree.close()
  })
