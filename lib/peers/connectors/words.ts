import { printable, SluiceError } from '../../errors.js'

const PIECE = /'([^']*)'|"((?:\\["\\]|\\(?!["\\])|[^"\\])*)"|\\([\s'"\\])|([^\s'"])/y

/**
 * The words of a command line. As in a shell, blanks divide them and quotes hold them together; between double quotes
 * \" and \\ stand for what they hide, outside of quotes a backslash does so before a blank, a quote and itself. Nothing
 * else means anything: no variables, no patterns, no pipes.
 * @throws SluiceError `ERR_USAGE` for a quote that is not closed
 */
export function wordsOf(line: string): string[] {
  const words: string[] = []
  let at = 0
  let word: string | undefined
  while (at < line.length) {
    PIECE.lastIndex = at
    const match = PIECE.exec(line)
    if (match) {
      const [all, single, double, escaped, plain] = match
      word = (word ?? '') + (single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? plain)
      at += all.length
      continue
    }
    if (!/\s/.test(line[at]!)) {
      const message = `a quote of the command ${printable(line, 200)} is not closed`
      throw new SluiceError('ERR_USAGE', message, { found: line })
    }
    if (word !== undefined) words.push(word)
    word = undefined
    at++
  }
  if (word !== undefined) words.push(word)
  return words
}
