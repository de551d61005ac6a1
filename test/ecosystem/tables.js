// The tables: for each its rows, which make a fresh subject, and its cells, which try it.
import { OF_DUPLEXES, OF_FILE_STAGES, OF_WIRE_STAGES } from './cells.js'
import { OF_NODE, tcp } from './duplexes-of-node.js'
import { OF_PACKAGES } from './duplexes-of-packages.js'
import { FILE_STAGES } from './file-stages.js'
import { WIRE_STAGES } from './wire-stages.js'

/** A connection for each use of a stage. */
const connected = (stages) =>
  Object.fromEntries(
    Object.entries(stages).map(([name, stage]) => [name, async () => Object.assign(await tcp(), { stage })]),
  )

export const TABLES = {
  Duplexes: { rows: { ...OF_NODE, ...OF_PACKAGES }, cells: OF_DUPLEXES },
  'Wire stages': { rows: connected(WIRE_STAGES), cells: OF_WIRE_STAGES },
  'File stages': { rows: connected(FILE_STAGES), cells: OF_FILE_STAGES },
}
