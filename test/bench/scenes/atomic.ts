import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { alone } from '../children/alone.js'
import type { WriterJob, WriterKind } from '../children/writer.js'
import { NAMES } from '../figures/names.js'
import type { Sample } from '../figures/usage.js'
import { type Build, nameOf } from '../movers/build.js'
import type { Contender } from '../rounds.js'
import type { Scene } from './scene.js'

type What = Pick<WriterJob, 'durability' | 'count' | 'bytes'>

/** Atomic writes at once, beside another package that is used for it. */
export function atomicScenes(quick: boolean): Scene[] {
  const many = { count: quick ? 200 : 2000, bytes: 1024 }
  const one = { count: 1, bytes: (quick ? 32 : 256) * 2 ** 20 }
  return [
    writeScene({
      name: 'atomic:power',
      title: `${many.count} atomic writes of 1 KiB at once, power`,
      what: { ...many, durability: 'power' },
    }),
    writeScene({
      name: 'atomic:crash',
      title: `${many.count} atomic writes of 1 KiB at once, crash`,
      rounds: 3,
      what: { ...many, durability: 'crash' },
    }),
    writeScene({
      name: 'atomic:large',
      title: `An atomic write of ${one.bytes / 2 ** 20} MiB, power`,
      rounds: 3,
      what: { ...one, durability: 'power' },
    }),
  ]
}

function writeScene({ what, ...scene }: Omit<Scene, 'contenders'> & { what: What }): Scene {
  return {
    ...scene,
    contenders: async ({ builds, scratch }) => {
      const contender = (name: string, writer: WriterKind, build: Build): Contender => ({
        name,
        run: () => write(writer, what, build, scratch),
      })
      const own = builds.flatMap((build) => [
        contender(nameOf(NAMES.writer, build), 'sluice', build),
        contender(nameOf(`${NAMES.writer}, with digest`, build), 'sluice with digest', build),
      ])
      const synced = `${NAMES.otherWriter}, folder synced` as const
      return [
        ...own,
        contender(NAMES.otherWriter, NAMES.otherWriter, builds[0]),
        ...(what.durability === 'power' ? [contender(synced, synced, builds[0])] : []),
      ]
    },
  }
}

async function write(
  writer: WriterKind,
  what: What,
  { node, library }: Build,
  scratch: string,
): Promise<Sample> {
  const folder = mkdtempSync(join(scratch, 'atomic-'))
  const sample = await alone('writer', { writer, folder, library, ...what } satisfies WriterJob, node)
  // few large files are removed at once: see transfer()
  if (what.count === 1) rmSync(folder, { recursive: true })
  return sample
}
