// Runs the example over hyperdht as somebody who has copied it, with the packages that it names: its transfer, and the
// conformance suite on its connector, over a network of this machine alone.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { connectorConformance, randomContent } from '../../dist/lib/testing/index.js'
import { sameTree } from '../../dist/test/helpers/same-tree.js'

/** What the library below does not do, as faults.js has it of udx-native: it takes what nobody reads. */
const OF_UDX = /a reader that does not read makes the writer wait/

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

const scratch = await mkdtemp(join(tmpdir(), 'sluice-test-'))
const example = join(scratch, 'example')
try {
  await cp(join(ROOT, 'examples/hyperdht'), example, { recursive: true })
  await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: example })
  await symlink(ROOT, join(example, 'node_modules/sluice'), 'junction')

  const [source, dir] = [join(scratch, 'photos'), join(scratch, 'in')]
  await mkdir(join(source, 'deep'), { recursive: true })
  await writeFile(join(source, 'a.jpg'), randomContent(3_000_000))
  await writeFile(join(source, 'deep/b.txt'), 'b')
  const { stdout } = await run(process.execPath, ['transfer.js', dir, source], {
    cwd: example,
    timeout: 60_000,
  })
  console.log(stdout.trim())
  const { differences } = sameTree(source, join(dir, 'photos'))
  if (differences.length > 0) throw new Error(`what arrived is not what was sent: ${differences.join('; ')}`)

  const own = (path) => import(pathToFileURL(join(example, path)).href)
  const { hyperdht } = await own('connector.js')
  const { default: DHT } = await own('node_modules/hyperdht/index.js')
  const { default: createTestnet } = await own('node_modules/hyperdht/testnet.js')
  const network = await createTestnet(3)
  const node = () => network.createNode()
  const near = hyperdht(node())
  const cases = connectorConformance(
    () => {
      const far = hyperdht(node(), DHT.keyPair())
      return { connector: near, address: 'hyperdht:', listen: far.listen }
    },
    // its nodes have sockets of their own, which come and go
    { open: () => 0 },
  )
  let right = 0
  for (const { name, run } of cases) {
    const error = await run().then(
      () => undefined,
      (reason) => reason,
    )
    if (error === undefined) right++
    else if (OF_UDX.test(name)) console.log(`its own fault: ${name}`)
    else {
      console.log(`wrong: ${name}: ${error.message}`)
      process.exitCode = 1
    }
  }
  await network.destroy()
  console.log(`the connector of the example has ${right} of ${cases.length} properties`)
} finally {
  await rm(scratch, { recursive: true, force: true })
}
