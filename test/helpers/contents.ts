import { type Manifest, manifestOfEntries, memorySources } from '../../lib/index.js'

/** What is sent: text or bytes are files, null is a folder, `{ target }` a symbolic link. */
export type Contents = Record<string, string | Uint8Array | null | { target: string }>

export const TIME = 1_600_000_000_123

/** A manifest of contents in memory. */
export function manifestOfContents(contents: Contents, algorithm = 'sha256'): Manifest {
  const files = new Map<string, string | Uint8Array>()
  const entries = Object.entries(contents).map(([path, content]) => {
    const common = { path, mtime: TIME, mode: content === null ? 0o750 : 0o640 }
    if (content === null) return { ...common, type: 'directory' as const }
    if (typeof content === 'object' && 'target' in content)
      return { ...common, type: 'symlink' as const, target: content.target }
    files.set(path, content)
    return { ...common, size: Buffer.byteLength(content) }
  })
  return manifestOfEntries(entries, memorySources(files), { name: 'contents', algorithm })
}
