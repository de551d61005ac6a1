/** A number in decimal digits, as JSON and YAML know it. */
const DECIMAL = /^[-+]?(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/

/**
 * Whether a number that was read would be written as the same one: the double that is nearest to the text has to print
 * as a number of equal value. So 0.10, 1e3 and 9007199254740992 are; 9007199254740993, 1e400 and 0.10000000000000001
 * are not. -0 counts as 0.
 */
export function isWrittenAsRead(source: string, value: number): boolean {
  const written = decimalOf(String(value))
  const read = decimalOf(source)
  if (read !== undefined) return read === written
  // YAML has infinities, and numbers in other digits than decimal ones: 0x10, 0o17, 1_000, 1:30
  return (
    !/\d/.test(source) || Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))
  )
}

/**
 * Equal for equal numbers, however they are written: the digits that count, and the power of ten behind the last one.
 */
function decimalOf(text: string): string | undefined {
  const [, whole, part = '', power = '0'] = DECIMAL.exec(text) ?? []
  if (whole === undefined) return undefined
  const digits = `${whole}${part}`.replace(/^0+/, '')
  // a pattern for zeros at the end would be tried anew at each zero before
  let end = digits.length
  while (digits[end - 1] === '0') end--
  const counting = digits.slice(0, end)
  if (counting === '') return '0'
  return `${counting}e${Number(power) - part.length + digits.length - counting.length}`
}
