/** The local time as digits, for names: 20260102-030405. */
export function timeInName(): string {
  // as that country writes it: the year first
  return new Date().toLocaleString('sv').replace(/[-:]/g, '').replace(' ', '-')
}
