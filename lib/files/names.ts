/** The name with a number before its endings: 'a.tar.gz', 1 → 'a_1.tar.gz'. At most 255 bytes. */
export function suffixed(name: string, n: number): string {
  const stem = /^\.*[^.]*/.exec(name)![0]
  const rest = name.slice(stem.length)
  let cut = stem
  while (Buffer.byteLength(`${cut}_${n}${rest}`) > 255 && cut !== '') cut = [...cut].slice(0, -1).join('')
  return `${cut}_${n}${rest}`
}
