import { SluiceError } from '../../errors.js'
import { errorCode } from '../disk/disk-error.js'
import { moveOver } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import { INTENT_STATES, type IntentName, type IntentState, intentKey, intentName } from '../own/names.js'
import { makeOwnFolder, OWN_FOLDERS, removeOwnFolder } from '../own/own-folder.js'
import type { Durability } from '../publish/publish.js'
import type { Directory, Tree } from '../tree/tree.js'
import { findIntents, readIntent } from './find-intents.js'
import { encodeIntent, type Intent } from './intent.js'
import { type StagingArea, stage } from './staging.js'

const MOST_INTENT_TRIES = 16

/** The file of one intent, in our folder inside the folder of the transaction. */
export class IntentFile {
  readonly #tree: Tree
  readonly #folder: string
  readonly #durability: Durability
  #name: IntentName

  constructor(tree: Tree, folder: string, name: IntentName, durability: Durability) {
    this.#tree = tree
    this.#folder = folder
    this.#name = name
    this.#durability = durability
  }

  get path(): string {
    return `${this.#folder}/${intentName(this.#name)}`
  }

  get name(): IntentName {
    return this.#name
  }

  /**
   * Writes a new intent in the state 'prepared'. When it resolves, the intent is durable; when it rejects, the file
   * was removed if possible.
   */
  static async create(area: StagingArea, intent: Intent): Promise<IntentFile> {
    const { tree, durability } = area
    const name: IntentName = { key: intentKey(intent.id), state: 'prepared', left: false }
    for (const folderName of OWN_FOLDERS) {
      for (let tries = 1; ; tries++) {
        const folder = await makeOwnFolder(tree, folderName)
        if (!folder) break
        const file = new IntentFile(tree, folderName, name, durability)
        try {
          await file.#write(area, folder, encodeIntent(intent))
          folder.release()
          return file
        } catch (error) {
          folder.release()
          await file.discard()
          // a transfer that ended meanwhile removed our folder
          if (errorCode(error) !== 'ENOENT' || tries === MOST_INTENT_TRIES) throw error
        }
      }
    }
    const message = `every name for the folder of intents is taken (${OWN_FOLDERS.join(', ')}); move one away`
    throw new SluiceError('ERR_WRITE', message, { path: OWN_FOLDERS[0] })
  }

  /** All intents in the folder of the tree. */
  static async find(tree: Tree): Promise<IntentFile[]> {
    return (await findIntents(tree)).map(({ folder, name }) => new IntentFile(tree, folder, name, 'power'))
  }

  /** The content of the intent; undefined if it is damaged. */
  read(): Promise<Intent | undefined> {
    return readIntent(this.#tree, { folder: this.#folder, name: this.#name })
  }

  /** The state that the intent has on the disk, after a change that failed; undefined if it is gone. */
  async look(): Promise<IntentState | undefined> {
    const { fs } = this.#tree
    return this.#within(async (folder) => {
      for (const state of INTENT_STATES) {
        const name = { ...this.#name, state }
        if (!(await lstatIfThere(fs, folder.at(intentName(name))))) continue
        this.#name = name
        return state
      }
      return undefined
    })
  }

  /** Changes the state. When it resolves, the state is durable; when it rejects, {@link look} tells the state. */
  async advance(state: IntentState): Promise<void> {
    await this.#rename({ ...this.#name, state })
    await this.sync()
  }

  /** Marks the intent as given up by its process, so that another process may continue. */
  async leave(): Promise<void> {
    await this.#rename({ ...this.#name, left: true })
  }

  /** Makes the present state durable. */
  async sync(): Promise<void> {
    if (this.#durability === 'power') await this.#within((folder) => folder.sync())
  }

  /** Removes the intent durably. */
  async remove(): Promise<void> {
    const folder = await this.#tree.directory(this.#folder)
    try {
      await this.#tree.fs.unlink(folder.at(intentName(this.#name))).catch((error: unknown) => {
        // the call may have succeeded although its answer was an error
        if (errorCode(error) !== 'ENOENT') throw error
      })
      if (this.#durability === 'power') await folder.sync()
    } catch (error) {
      folder.release()
      throw error
    }
    await removeOwnFolder(this.#tree, folder)
  }

  /**
   * Removes the intent; if that fails, marks it as given up. In the state 'prepared' both mean that nothing is done.
   */
  async discard(): Promise<void> {
    await this.remove()
      .catch(() => this.leave())
      .catch(() => {})
  }

  async #write(area: StagingArea, folder: Directory, bytes: Buffer): Promise<void> {
    const { fs } = this.#tree
    const { path } = await stage(area, this.#folder, [bytes], { mode: 0o600 })
    await moveOver(fs, folder.at(nameOf(path)), folder.at(intentName(this.#name)))
    if (this.#durability !== 'power') return
    await folder.sync()
    // our folder may be new
    await this.#tree.sync('')
  }

  async #rename(name: IntentName): Promise<void> {
    await this.#within((folder) =>
      moveOver(this.#tree.fs, folder.at(intentName(this.#name)), folder.at(intentName(name))),
    )
    this.#name = name
  }

  async #within<T>(act: (folder: Directory) => Promise<T>): Promise<T> {
    const folder = await this.#tree.directory(this.#folder)
    try {
      return await act(folder)
    } finally {
      folder.release()
    }
  }
}
