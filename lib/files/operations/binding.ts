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

type Act = (...args: never[]) => Promise<unknown>

/** An operation, with the positions of two arguments: the path that is recorded, and the options. */
interface Operation<F extends Act> {
  act: F
  path: number
  options: number
}

function on<F extends Act>(act: F, path: number, options: number): Operation<F> {
  return { act, path, options }
}

/** Every operation with a path and options. A new operation is one more line. */
const OPERATIONS = {
  writeFileAtomic: on(writeFileAtomic, 0, 2),
  writeJson: on(writeJson, 0, 2),
  writeYaml: on(writeYaml, 0, 2),
  writeConfig: on(writeConfig, 0, 2),
  readFileRetry: on(readFileRetry, 0, 1),
  checkFile: on(checkFile, 0, 1),
  renameAtomic: on(renameAtomic, 0, 2),
  removeOrphans: on(removeOrphans, 0, 1),
  updateJson: on(updateJson, 0, 2),
  mergeConfig: on(mergeConfig, 1, 2),
  rotateFile: on(rotateFile, 0, 1),
  removeBackups: on(removeBackups, 0, 1),
  recoverTransactions: on(recoverTransactions, 0, 1),
  /** {@link FolderLock.acquire} */
  lock: on(FolderLock.acquire, 0, 1),
}

/** The operations of the table, with the same signatures. */
export type Bound = { readonly [Name in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Name]['act'] }

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
  const bind = (name: string, { act, path, options: at }: Operation<Act>) => {
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
  const operations: [string, Operation<Act>][] = Object.entries(OPERATIONS)
  return Object.fromEntries(operations.map(([name, one]) => [name, bind(name, one)])) as unknown as Bound
}

function said(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
