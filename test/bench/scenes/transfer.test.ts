import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { temporary } from '../../helpers/folders.js'
import { buildOf } from '../movers/build.js'
import type { Job, Mover } from '../movers/mover.js'
import { files } from '../work/work.js'
import type { Setting } from './scene.js'
import { transferScene } from './transfer.js'

const sample = { wall: 1, wallWithStart: 1, usage: {} }
const arrivedIn = ({ source, target }: Job) => join(target, basename(source))

/** Copies, which is a way to move a folder, too. */
const copies = (name: string, after: (job: Job) => void = () => {}): Mover => ({
  name,
  move: async (job) => {
    cpSync(job.source, arrivedIn(job), { recursive: true })
    after(job)
    return sample
  },
})
const sceneOf = (...rivals: Mover[]) =>
  transferScene({ name: 'few', work: files(3, 10), own: () => [], rivals: () => rivals })
const settingIn = (scratch: string, missing: string[] = []): Setting => ({
  scratch,
  roomy: false,
  builds: [buildOf(process.execPath)],
  missing: (line) => missing.push(line),
})

test('what did not arrive as it was sent ends the benchmark', async (t) => {
  const spoils = copies('spoils', (job) => writeFileSync(join(arrivedIn(job), 'folder-0000/file-1.bin'), 'x'))
  const [contender] = await sceneOf(spoils).contenders(settingIn(await temporary(t)))
  await t.throwsAsync(contender!.run(0), { message: /^spoils did not deliver the same: .*file-1/ })
})

test('who cannot take part is left out, and a line says why', async (t) => {
  const missing: string[] = []
  const absent: Mover = { ...copies('absent'), missing: () => 'absent is not installed' }
  const contenders = await sceneOf(absent, copies('there')).contenders(settingIn(await temporary(t), missing))
  t.deepEqual(
    contenders.map(({ name }) => name),
    ['there'],
  )
  t.deepEqual(missing, ['absent is not installed'])
})

test('few files are removed once they have been compared', async (t) => {
  const targets: string[] = []
  const notes = copies('notes', ({ target }) => targets.push(target))
  const [contender] = await sceneOf(notes).contenders(settingIn(await temporary(t)))
  t.is(await contender!.run(0), sample)
  t.is(targets.length, 1)
  t.false(existsSync(targets[0]!))
})
