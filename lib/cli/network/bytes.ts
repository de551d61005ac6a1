const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
}

/** A number of bytes such as 500k, 10M or 2MiB; NaN if it is none. */
export function bytesIn(text: string): number {
  const [, number, unit = '-'] = /^(\d+(?:\.\d+)?)([kmgt]?i?)b?$/i.exec(text) ?? []
  const bytes = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? Number.NaN))
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN
}
