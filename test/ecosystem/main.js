// Runs Sluice against other people's duplexes and stages, and prints what came of it as tables in Markdown: `main.js`, or
// `main.js NAME ...` for some rows only. Fails unless every cell is right, or goes wrong for a reason of the other side's:
// one that faults.js names, and that the conformance suite shows, which moves nothing of a transfer.
import { fork } from 'node:child_process'
import { SLOW_READER } from './cells.js'
import { FAULTS } from './faults.js'
import { TABLES } from './tables.js'

/** Rows that are tried at the same time: most of their time they wait. */
const AT_ONCE = 4

/** A process may take so many milliseconds to tell of the next cell; and, when it has told all, to end by itself. */
const TO_TELL = 60_000
const TO_END = 5000

/** Tries some cells of a row in one process, until one goes wrong. */
function tryCells(table, name, cells, results) {
  return new Promise((resolve) => {
    const program = new URL('row.js', import.meta.url)
    const child = fork(program, [table, name, ...cells], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let said = ''
    const kill = () => child.kill('SIGKILL')
    let timer = setTimeout(kill, TO_TELL)
    child.stderr.on('data', (text) => {
      said += text
    })
    child.on('message', ({ cell, ...result }) => {
      results.set(cell, result)
      clearTimeout(timer)
      timer = setTimeout(kill, cell === cells.at(-1) ? TO_END : TO_TELL)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const next = cells.find((cell) => !results.has(cell))
      if (signal && next !== undefined) results.set(next, { wrong: 'the process hangs' })
      else if (signal) results.set(cells.at(-1), { wrong: 'the process does not end by itself' })
      else if (!results.has(cells[0])) results.set(next, { wrong: `the process ended with ${code}: ${said}` })
      resolve()
    })
  })
}

async function tryRow(table, name) {
  const cells = Object.keys(TABLES[table].cells)
  const results = new Map()
  for (let left = cells; left.length > 0; left = cells.filter((cell) => !results.has(cell)))
    await tryCells(table, name, left, results)
  return results
}

/** What is printed of a cell: that it is right, or goes wrong for one of these `lacks`, or why it is wrong. */
function judge({ lacks: found, wrong }, cell, lacks, faults) {
  if (found) {
    const unknown = faults.any ? [] : found.filter(([property]) => !(property in faults))
    if (unknown.length > 0) return { wrong: unknown.map((each) => each.join(': ')).join('; ') }
    return {
      text: found.length > 0 ? `lacks ${found.map(([property]) => numberOf(property)).join(' ')}` : 'right',
    }
  }
  if (!wrong) return { text: 'right' }
  const reasons = lacks.filter(([property]) => faults[property]?.includes(cell))
  return reasons.length > 0
    ? { text: `its own fault: ${reasons.map(([property]) => numberOf(property)).join(' ')}` }
    : { wrong }
}

/** The properties that somebody lacks, each with a number below the tables. */
const properties = []
function numberOf(property) {
  if (!properties.includes(property)) properties.push(property)
  return properties.indexOf(property) + 1
}

const only = process.argv.slice(2)
const start = performance.now()
const rows = Object.entries(TABLES).flatMap(([table, { rows }]) =>
  Object.keys(rows)
    .filter((name) => only.length === 0 || only.includes(name))
    .map((name) => ({ table, name, results: new Map() })),
)
/** How many cells of a row go wrong, which takes long: those come first. */
const wrongsOf = ({ table, name }) => Object.values(FAULTS[table]?.[name] ?? {}).flat().length
const todo = [...rows].sort((one, other) => wrongsOf(other) - wrongsOf(one))
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let row = todo.shift(); row; row = todo.shift()) {
      row.results = await tryRow(row.table, row.name)
      if (process.env.VERBOSE)
        console.error(
          row.name,
          ...[...row.results].map(([cell, { ms, lacks, wrong }]) =>
            `\n   ${cell} ${Math.round(ms)} ${wrong ?? JSON.stringify(lacks ?? '')}`.slice(0, 1500),
          ),
        )
    }
  }),
)

/** What came of each cell of a row. */
function judged({ table, name, results }) {
  const lacks = results.get('suite')?.lacks ?? []
  // what loses what a slow reader has not read yet may lose it by hand; in a conversation it is read as it comes
  const faults = { [SLOW_READER]: ['by hand'], ...FAULTS[table]?.[name] }
  return Object.keys(TABLES[table].cells).map((cell) => ({
    cell,
    ...judge(results.get(cell), cell, lacks, faults),
  }))
}

// on a busy machine some take longer than they may: what goes wrong is tried once more, with nothing beside it
const again = rows.filter((row) => judged(row).some(({ wrong }) => wrong !== undefined))
for (const row of again) row.results = await tryRow(row.table, row.name)
if (again.length > 0) console.log(`tried a second time, alone: ${again.map(({ name }) => name).join(', ')}`)

const counts = { right: 0, fault: 0, wrong: 0 }
const wrongs = []
for (const [table, { cells }] of Object.entries(TABLES)) {
  const names = Object.keys(cells)
  console.log(`\n## ${table}\n\n|  | ${names.join(' | ')} |\n|${' --- |'.repeat(names.length + 1)}`)
  for (const row of rows.filter((row) => row.table === table)) {
    const texts = judged(row).map(({ cell, text, wrong }) => {
      counts[wrong !== undefined ? 'wrong' : text === 'right' ? 'right' : 'fault'] += 1
      if (wrong !== undefined) wrongs.push(`${row.name}, ${cell}: ${wrong}`)
      return text ?? '**wrong**'
    })
    console.log(`| ${row.name} | ${texts.join(' | ')} |`)
  }
}
if (properties.length > 0) console.log('\nWhat others lack, without Sluice:\n')
for (const property of properties) console.log(`${numberOf(property)}. ${property}`)
for (const wrong of wrongs) console.log(`\nwrong: ${wrong}`)
const seconds = Math.round((performance.now() - start) / 1000)
console.log(
  `\n${counts.right} right, ${counts.fault} a fault of the other side's, ${counts.wrong} wrong, in ${seconds} s`,
)
process.exitCode = counts.wrong === 0 ? 0 : 1
