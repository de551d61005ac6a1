import { localTime } from '../../terminal/text.js'

/** The local time as digits, for names: 20260102-030405. */
export function timeInName(): string {
  return localTime(new Date()).replace(/[-:]/g, '').replace(' ', '-')
}
