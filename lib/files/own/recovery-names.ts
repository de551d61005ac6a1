import { randomBytes } from 'node:crypto'

const NAME = /^(([0-9a-f]{8})[0-9a-f]{24})\.(point|kept)$/

/** A name in our folder that belongs to a recovery point, taken apart. */
export interface RecoveryName {
  /** What both files of a point have in common. */
  key: string
  /** Points are undone from the highest to the lowest. */
  number: number
  /** 'point': what is to be undone. 'kept': the content that stood there before. */
  what: 'point' | 'kept'
}

export function newRecoveryKey(number: number): string {
  return number.toString(16).padStart(8, '0') + randomBytes(12).toString('hex')
}

export function recoveryName(key: string, what: RecoveryName['what']): string {
  return `${key}.${what}`
}

export function parseRecoveryName(name: string): RecoveryName | undefined {
  const [, key, number, what] = NAME.exec(name) ?? []
  if (key === undefined) return undefined
  return { key, number: Number.parseInt(number!, 16), what: what as RecoveryName['what'] }
}
