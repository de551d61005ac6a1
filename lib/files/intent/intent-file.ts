import { OPEN } from '../disk/fs.js'
import { moveOver, moveWritten } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { ifThere, lstatIfThere, unlinkIfThere } from '../disk/stats.js'
import type { PassOver } from '../own/foreign.js'
import { stateOf } from '../own/lease.js'
import {
  INTENT_STATES,
  type IntentName,
  type IntentState,
  intentKey,
  intentName,
  parseIntentName,
} from '../own/names.js'
import { makeInOwnFolder, ownFolders, ownNames, removeOwnFolder } from '../own/own-folder.js'
import type { Durability } from '../publish/publish.js'
import type { Tree } from '../tree/tree.js'
import { encodeIntent, type Intent, readIntent } from './intent.js'
import { inFolder, type StagingArea, stage } from './staging.js'

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
    return makeInOwnFolder(tree, async (folder) => {
      const file = new IntentFile(tree, folder.path, name, durability)
      try {
        const { path, written } = await stage(area, folder.path, [encodeIntent(intent)], { mode: 0o600 })
        await moveWritten(tree.fs, folder.at(nameOf(path)), folder.at(intentName(name)), written)
        if (durability === 'power') {
          await folder.sync()
          // our folder may be new
          await tree.sync('')
        }
      } catch (error) {
        await file.discard()
        throw error
      }
      folder.release()
      return file
    })
  }

  /** All intents in the folder of the tree, but for those of other users. */
  static async find(tree: Tree, passOver?: PassOver): Promise<IntentFile[]> {
    const found: IntentFile[] = []
    for await (const folder of ownFolders(tree, { passOver })) {
      const names = (await ownNames(tree, folder, { passOver })).map(parseIntentName)
      for (const name of names) if (name) found.push(new IntentFile(tree, folder.path, name, 'power'))
    }
    return found
  }

  /** The content of the intent; undefined if it is damaged. */
  read(): Promise<Intent | undefined> {
    const { fs } = this.#tree
    return inFolder(this.#tree, this.path, (where) => readIntent(fs, where))
  }

  /**
   * What the file is like: equal as long as nobody changed or renewed it. undefined: it is gone, or has another name.
   */
  async seen(): Promise<string | undefined> {
    const { fs } = this.#tree
    // opened: a network disk may answer with what it remembers if one only asks by name
    const look = (where: string) => withRegular(fs, where, async (_fd, stats) => stateOf(stats))
    return ifThere(inFolder(this.#tree, this.path, look))
  }

  /** Changes the time of the file, so that those see that we live who cannot look at this process. */
  async renew(): Promise<void> {
    const { fs } = this.#tree
    const now = Date.now() / 1000
    const touch = (where: string) => withRegular(fs, where, (fd) => fs.futimes(fd, now, now), OPEN.update)
    await inFolder(this.#tree, this.path, touch)
  }

  /** The state that the intent has on the disk, after a change that failed; undefined if it is gone. */
  async look(): Promise<IntentState | undefined> {
    const { fs } = this.#tree
    return this.#tree.within(this.#folder, async (folder) => {
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
    if (this.#durability === 'power') await this.#tree.within(this.#folder, (folder) => folder.sync())
  }

  /** Removes the intent durably. */
  async remove(): Promise<void> {
    const folder = await this.#tree.folder(this.#folder)
    try {
      await unlinkIfThere(this.#tree.fs, folder.at(intentName(this.#name)))
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

  async #rename(name: IntentName): Promise<void> {
    await this.#tree.within(this.#folder, (folder) =>
      moveOver(this.#tree.fs, folder.at(intentName(this.#name)), folder.at(intentName(name))),
    )
    this.#name = name
  }
}
