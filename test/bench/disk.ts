import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A folder for the data of some runs. */
export interface Place {
  folder: string
  /** Removes it, and all that is in it. */
  close(): Promise<void>
}

export function plainFolder(dir: string): Place {
  const folder = mkdtempSync(join(dir, 'sluice-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  return {
    folder,
    close: async () => {
      process.off('exit', remove)
      remove()
    },
  }
}
