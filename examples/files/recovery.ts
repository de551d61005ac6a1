#!/usr/bin/env node
// Takes back what another program did:  node dist/examples/files/recovery.js DIR
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RecoveryManager } from 'sluice/files'

const dir = process.argv[2]
if (dir === undefined) {
  console.error('usage: recovery DIR')
  process.exit(2)
}
await mkdir(dir, { recursive: true })
await writeFile(join(dir, 'settings.ini'), 'port=80\n')
await writeFile(join(dir, 'old.db'), 'rows\n')

const manager = await RecoveryManager.open(dir)
// an earlier run may have been interrupted, by a power cut too
if (manager.points.length > 0) console.log(await manager.undo())

try {
  // a point is made before each change, which may be done by anybody, in place too
  await manager.run('write', 'settings.ini', () => appendFile(join(dir, 'settings.ini'), 'port=81\n'))
  await manager.run('create', 'new.db', () => writeFile(join(dir, 'new.db'), 'rows\n'))
  await manager.run('delete', 'old.db', () => rm(join(dir, 'old.db')))
  throw new Error('the migration failed')
  // else: await manager.commit()
} catch (error) {
  console.log((error as Error).message)
  for (const { kind, path, state } of await manager.undo()) console.log(state, kind, path)
} finally {
  await manager.close()
}
console.log(await readFile(join(dir, 'settings.ini'), 'utf8'))
