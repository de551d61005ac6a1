import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'

// A file with a counter, as updates have it.

export interface Counter {
  counted: number
}

export const increase = (value: Counter = { counted: 0 }): Counter => ({ counted: value.counted + 1 })
export const text = (disk: MemoryDisk, path = '/d/state.json') => disk.snapshot().get(path)?.toString()

export function diskWith(content?: string): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  if (content !== undefined) disk.put('/d/state.json', content, 0o640)
  return disk
}
