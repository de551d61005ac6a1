import { checkObject } from '../../options.js'
import { removeBackups } from '../atomic/backups.js'
import { renameAtomic } from '../atomic/rename-atomic.js'
import { writeConfig, writeFileAtomic, writeJson, writeYaml } from '../atomic/write-file.js'
import { type Audited, type Recorder, UNRECORDED } from '../audit/recorder.js'
import { mergeConfig } from '../config/merge-config.js'
import { updateJson } from '../config/update-json.js'
import { checkFile } from '../content/check-file.js'
import { readFileRetry } from '../content/read-file.js'
import type { FileSystem } from '../disk/fs.js'
import { removeOrphans } from '../intent/remove-orphans.js'
import { FolderLock } from '../lock/folder-lock.js'
import type { Durability } from '../publish/publish.js'
import { rotateFile } from '../rotation/rotate-file.js'
import { recoverTransactions } from '../transaction/recover.js'

/** An operation, and the positions of two arguments: the path that is recorded, and the options. */
type Operation = readonly [act: (...args: never[]) => Promise<unknown>, path: number, options: number]

/** Every operation with a path and options. A new operation is one more line. */
const OPERATIONS = {
  writeFileAtomic: [writeFileAtomic, 0, 2],
  writeJson: [writeJson, 0, 2],
  writeYaml: [writeYaml, 0, 2],
  writeConfig: [writeConfig, 0, 2],
  readFileRetry: [readFileRetry, 0, 1],
  checkFile: [checkFile, 0, 1],
  renameAtomic: [renameAtomic, 0, 2],
  removeOrphans: [removeOrphans, 0, 1],
  updateJson: [updateJson, 0, 2],
  mergeConfig: [mergeConfig, 1, 2],
  rotateFile: [rotateFile, 0, 1],
  removeBackups: [removeBackups, 0, 1],
  recoverTransactions: [recoverTransactions, 0, 1],
  /** {@link FolderLock.acquire} */
  lock: [FolderLock.acquire, 0, 1],
} as const satisfies Record<string, Operation>

/** The operations of the table, with the same signatures. */
export type Bound = { readonly [Name in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Name][0] }

/** Adds the options that all calls have in common to those of one call. One that is undefined counts as not set. */
export function addingTo(common: {
  fs?: FileSystem
  durability?: Durability
}): <T extends object>(given: T | undefined) => T {
  return <T extends object>(given: T | undefined) => {
    if (given !== undefined) checkObject('options', given)
    return { ...said(common), ...said(given ?? {}) } as T
  }
}

/** All operations of the table, with common options, and recorded. */
export function boundOperations(adding: ReturnType<typeof addingTo>, recorder: Recorder): Bound {
  const bind = (name: string, [act, path, at]: Operation) => {
    return async (...args: unknown[]) => {
      const given = args[at] as Audited | undefined
      // async, so that an error that is thrown synchronously is recorded, too
      const run = async (more: Audited) => {
        const all = Array.from({ length: Math.max(args.length, at + 1) }, (_, i) => args[i])
        all[at] = { ...adding(given), ...more }
        return act(...(all as never[]))
      }
      // with a trail of its own the operation records itself
      if (given?.audit) return recorder.wait(run({}))
      return recorder.run(name, args[path], () => run({ audit: UNRECORDED }))
    }
  }
  return Object.fromEntries(
    Object.entries(OPERATIONS).map(([name, one]) => [name, bind(name, one)]),
  ) as unknown as Bound
}

function said(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
