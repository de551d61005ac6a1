import { printable, SluiceError } from '../../errors.js'
import type { FileSystem } from '../disk/fs.js'
import { lstatIfThere } from '../disk/stats.js'
import type { OpenFolder } from '../tree/open-folder.js'

/** The files of one number: the file, or the compressed one; both after an interrupted run. */
export interface Slot {
  plain?: string
  compressed?: string
}

/** The rotated files of `name` by number: `name.1`, `name.2.gz`, … `ERR_CONFLICT` if one is not a regular file. */
export async function listSlots(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
): Promise<Map<number, Slot>> {
  const slots = new Map<number, Slot>()
  for (const bytes of await folder.list()) {
    const there = bytes.toString()
    if (!there.startsWith(`${name}.`)) continue
    const [, digits, gz] = /^([1-9]\d{0,5})(\.gz)?$/.exec(there.slice(name.length + 1)) ?? []
    if (digits === undefined) continue
    const stats = await lstatIfThere(fs, folder.at(there))
    if (!stats) continue
    if (!stats.isFile()) {
      const message = `${printable(there)} is not a regular file, but stands where a rotated file does; move it away`
      throw new SluiceError('ERR_CONFLICT', message, { path: there })
    }
    const number = Number(digits)
    const slot = slots.get(number) ?? {}
    slots.set(number, slot)
    slot[gz ? 'compressed' : 'plain'] = there
  }
  return slots
}

/** The name of a rotated file. */
export function slotName(name: string, number: number, kind: keyof Slot): string {
  return `${name}.${number}${kind === 'compressed' ? '.gz' : ''}`
}

/** The files of a slot. */
export function filesOf(slot: Slot | undefined): [kind: keyof Slot, name: string][] {
  const kinds: (keyof Slot)[] = ['plain', 'compressed']
  return kinds.flatMap((kind) => {
    const name = slot?.[kind]
    return name === undefined ? [] : [[kind, name] as [keyof Slot, string]]
  })
}
