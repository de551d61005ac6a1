import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { RecoveryManager, rotateFile, updateJson } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

// Whoever loses a lock does no further step, wherever that happens.

interface Scene {
  files: Record<string, string>
  prepare?: (disk: MemoryDisk) => Promise<void>
  work: (disk: MemoryDisk) => Promise<unknown>
}

const system = () => new Machine().start(1)
const open = (fs: MemoryDisk) => RecoveryManager.open('/d', { fs, system: system() })

const SCENES: Record<string, Scene> = {
  'a rotation': {
    files: { log: '0', 'log.1': '1', 'log.2': '2', 'log.3': '3' },
    work: (fs) => rotateFile('/d/log', { fs, keep: 2, compress: true, system: system() }),
  },
  'an update with a backup': {
    files: { log: '{"n":1}', 'log.bak': 'old' },
    work: (fs) => updateJson('/d/log', () => ({ n: 2 }), { fs, backup: 1, system: system() }),
  },
  'an update': {
    files: { log: '{"n":1}' },
    work: (fs) => updateJson('/d/log', () => ({ n: 2 }), { fs, durability: 'crash', system: system() }),
  },
  'an undo': {
    files: { a: 'a1', c: 'c1', 'sub/d': 'd1' },
    prepare: async (disk) => {
      const manager = await open(disk)
      await manager.run('write', 'a', () => disk.put('/d/a', 'a2'))
      await manager.run('create', 'b', () => disk.put('/d/b', 'b1'))
      await manager.run('delete', 'sub/d', () => disk.remove('/d/sub/d'))
      await manager.before('write', 'c')
      disk.put('/d/c', 'c2')
      await manager.close()
    },
    work: async (disk) => {
      const manager = await open(disk)
      try {
        return await manager.undo()
      } finally {
        await manager.close()
      }
    },
  },
}

/**
 * The last look at a file that is to get a name comes behind the one at the lock: that nobody has exchanged it is more
 * likely to be wrong. Only one of the two can be the last call before it gets the name.
 */
const isLastLook = (call: string, path: string) => call === 'lstat' && path.endsWith('.sluice-tmp')

/** The calls that take something away under a name of the user, or a point. */
const TAKES = new Set(['rename', 'unlink'])
/**
 * What it made itself and nobody else uses: a backup that was for nothing, content that no point refers to any more.
 */
const isOurs = (path: string) => /\.sluice-(tmp|lock)|\.(bak|kept)$/.test(path)

for (const [what, { files, prepare, work }] of Object.entries(SCENES)) {
  test(`${what} that loses its lock before any call makes that call at most`, async (t) => {
    let lost = 0
    for (let at = 0, isOver = false; !isOver; at++) {
      const disk = new MemoryDisk()
      disk.putFolder('/d')
      for (const [name, content] of Object.entries(files)) disk.put(`/d/${name}`, content)
      await prepare?.(disk)
      const taken: string[] = []
      let calls = 0
      let gone = false
      disk.hook = ({ call, path, to }) => {
        const lock = disk.list().find((one) => one.startsWith('/d/.sluice-lock-'))
        // what has not got it yet takes it anew
        const isHolder =
          lock !== undefined && path !== '/d' && !path.includes('.sluice-lock-') && !isLastLook(call, path)
        if (isHolder && !gone && calls++ === at) {
          disk.remove(lock.replace(/(?<=sluice-lock-[^/]*)\/.*$/, ''))
          gone = true
        } else if (gone && TAKES.has(call) && !isOurs(to ?? path)) taken.push(`${call} ${path}`)
      }
      const error = await work(disk).then(
        () => undefined,
        (failure: unknown) => failure,
      )
      isOver = !gone
      t.deepEqual(taken, [], `lost before call ${at}: ${error}`)
      if (isSluiceError(error, 'ERR_LOCK_LOST')) lost++
    }
    t.true(lost > 0)
  })
}
