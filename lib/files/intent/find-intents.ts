import { openRegular } from '../disk/open-regular.js'
import { readFully } from '../disk/read-write.js'
import { type IntentName, intentName, parseIntentName } from '../own/names.js'
import { findOwnFolder, OWN_FOLDERS } from '../own/own-folder.js'
import type { Tree } from '../tree/tree.js'
import { decodeIntent, type Intent } from './intent.js'

/** A larger file is not one of our intents. */
const LARGEST_INTENT = 512 * 1024 * 1024

/** An intent in the folder of a tree. */
export interface FoundIntent {
  /** Which of our folders it is in. */
  folder: string
  name: IntentName
}

/** All intents in the folder of the tree. */
export async function findIntents(tree: Tree): Promise<FoundIntent[]> {
  const found: FoundIntent[] = []
  for (const name of OWN_FOLDERS) {
    const folder = await findOwnFolder(tree, name)
    if (!folder) continue
    try {
      const names = (await folder.list()).map((bytes) => parseIntentName(bytes.toString()))
      for (const one of names) if (one) found.push({ folder: name, name: one })
    } finally {
      folder.release()
    }
  }
  return found
}

/** The content of an intent; undefined if it is damaged. */
export async function readIntent(tree: Tree, { folder, name }: FoundIntent): Promise<Intent | undefined> {
  const directory = await tree.directory(folder)
  try {
    const { fd, stats } = await openRegular(tree.fs, directory.at(intentName(name)))
    try {
      if (stats.size > LARGEST_INTENT) return undefined
      const bytes = Buffer.alloc(stats.size)
      await readFully(tree.fs, fd, bytes, 0)
      return decodeIntent(bytes)
    } finally {
      await tree.fs.close(fd)
    }
  } finally {
    directory.release()
  }
}
