// Tries all cells of one row, in a process of its own, so that a crash or something that is left open is the row's and
// nobody else's: `row.js TABLE NAME [CELL ...]`. Sends each result to its parent, and ends by itself.
import { crash } from './cells.js'
import { TABLES } from './tables.js'
import { messageOf } from './transfers.js'

const [, , table, name, ...wanted] = process.argv
const { rows, cells } = TABLES[table]

const report = (result) => new Promise((resolve) => process.send(result, resolve))
let current
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => {
    if (crash.heard) crash.heard(error)
    else process.send({ cell: current, wrong: `crash: ${error?.stack ?? error}` }, () => process.exit(1))
  })

/** What keeps the process alive, but for the line to the parent, and how often. */
function open() {
  const counts = {}
  for (const kind of process.getActiveResourcesInfo())
    if (!/^(Pipe|TTY)Wrap$/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** What is open that was not before, when it has had time to close. */
async function left(before) {
  for (let turn = 0; ; turn++) {
    const more = Object.entries(open()).filter(([kind, count]) => count > (before[kind] ?? 0))
    if (more.length === 0) return undefined
    if (turn === 200) return `left open: ${more.map(([kind, count]) => `${count} ${kind}`).join(', ')}`
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

for (const cell of wanted.length > 0 ? wanted : Object.keys(cells)) {
  current = cell
  const before = open()
  const start = performance.now()
  const made = []
  const make = async () => {
    const subject = await rows[name]()
    made.push(subject)
    return subject
  }
  const result = await cells[cell](make).then(
    (found) => ({ cell, ...found }),
    (error) => ({ cell, wrong: messageOf(error) }),
  )
  for (const subject of made) {
    await subject.close?.()
    if (Array.isArray(subject)) for (const end of subject) end.destroy()
  }
  // a suite moves nothing of ours
  const remains = result.wrong || result.lacks ? undefined : await left(before)
  await report({ ms: performance.now() - start, ...(remains && { wrong: remains }), ...result })
  // what hangs must not disturb the next
  if (result.wrong) process.exit(9)
}
process.channel.unref()
