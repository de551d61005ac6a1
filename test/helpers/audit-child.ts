// Appends to an audit trail in a process of its own:
//   audit-child wait PATH NAME COUNT MAX_BYTES     awaits each record
//   audit-child leave PATH NAME COUNT              awaits nothing, and ends the process at once
//   audit-child throw PATH NAME COUNT              awaits nothing, and dies of an exception
// audit-child killed PATH NAME COUNT             awaits nothing, and is killed; its records are long, its threads busy
//   audit-child endless PATH NAME                  until it is killed; says on standard output what resolved
import { pbkdf2 } from 'node:crypto'
import { writeSync } from 'node:fs'
import { AuditTrail } from '../../lib/files/index.js'

const [role, path, name, count, maxBytes] = process.argv.slice(2)
const options = { session: name!, keep: 10_000, maxBytes: Number(maxBytes ?? 10 << 20) }
const trail = await AuditTrail.open(path!, options)
const entry = (n: number) => ({
  operation: 'test',
  path: `${name} ${n}`,
  status: 'ok' as const,
  duration: 0,
  metadata: { text: 'x'.repeat(n % 50) },
})

if (role === 'endless') {
  for (let n = 0; ; n++) {
    await trail.record(entry(n))
    writeSync(1, `${n}\n`)
  }
} else if (role === 'wait') {
  for (let n = 0; n < Number(count); n++) await trail.record(entry(n))
  await trail.close()
} else if (role === 'killed') {
  for (let n = 0; n < 4; n++) pbkdf2('x', 'y', 1e6, 64, 'sha512', () => {})
  const metadata = { text: 'x'.repeat(100_000) }
  for (let n = 0; n < Number(count); n++) void trail.record({ ...entry(n), metadata })
  process.kill(process.pid, 'SIGKILL')
} else {
  for (let n = 0; n < Number(count); n++) void trail.record(entry(n))
  if (role === 'throw') {
    // not as a rejection: at once
    process.nextTick(() => {
      throw new Error('on purpose')
    })
  } else process.exit(0)
}
