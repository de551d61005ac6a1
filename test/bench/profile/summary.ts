import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What is read of a profile of V8. */
interface Profile {
  nodes: {
    id: number
    callFrame: { functionName: string; url: string; lineNumber: number }
    children?: number[]
  }[]
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

/** Seconds by name, the largest first. */
export type Shares = [name: string, seconds: number][]

export interface Summary {
  /** Seconds in which the main thread did something. */
  busy: number
  idle: number
  /** By what was done. */
  kinds: Shares
  /** By function. */
  functions: Shares
}

/** Native functions and what V8 does itself have no file: they are told by their names. */
const BY_NAME: [RegExp, string][] = [
  [/^\(garbage collector\)$/, 'garbage collection'],
  [/^\(program\)$/, 'V8 and Node, not told apart'],
  [/^(writev|writeBuffer|writeUtf8String|shutdown)$/, 'socket'],
  [
    /^(open|close|read|readBuffers|write|writeBuffers|mkdir|link|unlink|rename|fstat|lstat|stat|fsync)$/,
    'file calls',
  ],
  [/^(update|digest|Hash)$/, 'digest'],
]

const BY_FILE: [RegExp, string][] = [
  [/blake|hash-wasm|digests|node:internal\/crypto/, 'digest'],
  [/node_modules\/((?:@[\w-]+\/)?[\w.-]+)/, 'package $1'],
  [/\/dist\/lib\/stages\/([\w-]+)\.js$/, 'stage $1'],
  [/\/dist\/lib\/([\w-]+)/, 'sluice $1'],
  [/node:net|stream_base_commons|node:internal\/net/, 'socket'],
  [/node:fs|node:internal\/fs/, 'file calls'],
  [/node:internal\/(streams|webstreams)|node:events|readable-stream|streamx|node:stream/, 'streams'],
  [/task_queues|async_hooks|promises|timers/, 'promises and callbacks'],
  [/node:buffer|node:internal\/buffer/, 'buffers'],
  [/loaders|\/modules\/|node:internal\/bootstrap|node:internal\/main|node:vm/, 'start of the process'],
]

function kindOf(functionName: string, url: string, parent: string | undefined): string {
  for (const [pattern, kind] of url === '' ? BY_NAME : []) if (pattern.test(functionName)) return kind
  for (const [pattern, kind] of BY_FILE) {
    const found = pattern.exec(url)
    if (found) return kind.replace('$1', found[1] ?? '')
  }
  // a native function of no known name belongs to who called it
  return url === '' && parent !== undefined ? parent : 'other'
}

/** Where the time of one process went, from the file that `node --cpu-prof` leaves. */
export function summarise(file: string): Summary {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile
  const self = new Map<number, number>()
  for (const [i, id] of profile.samples.entries())
    self.set(id, (self.get(id) ?? 0) + profile.timeDeltas[i]! / 1e6)
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const kinds = new Map<string, number>()
  const functions = new Map<string, number>()
  let idle = 0
  const walk = (id: number, parent: string | undefined) => {
    const { callFrame, children = [] } = nodes.get(id)!
    const { functionName, url, lineNumber } = callFrame
    const time = self.get(id) ?? 0
    const kind = kindOf(functionName, url, parent)
    if (functionName === '(idle)') idle += time
    else if (functionName !== '(root)') {
      const where = url === '' ? '' : ` (${url.split('/').slice(-2).join('/')}:${lineNumber + 1})`
      add(kinds, kind, time)
      add(functions, `${functionName || 'anonymous'}${where}`, time)
    }
    for (const child of children) walk(child, kind)
  }
  walk(profile.nodes[0]!.id, undefined)
  const sorted = (map: Map<string, number>): Shares => [...map].sort((a, b) => b[1] - a[1])
  const busy = [...kinds.values()].reduce((sum, time) => sum + time, 0)
  return { busy, idle, kinds: sorted(kinds), functions: sorted(functions) }
}

const add = (map: Map<string, number>, key: string, time: number) => map.set(key, (map.get(key) ?? 0) + time)

// node dist/test/bench/profile-summary.js FILE: the same for a profile that was taken by hand
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { busy, idle, kinds, functions } = summarise(process.argv[2]!)
  const show = ([name, time]: [string, number]) =>
    `${time.toFixed(3)} s  ${((100 * time) / busy).toFixed(1)} %  ${name}`
  console.log(`busy ${busy.toFixed(2)} s, idle ${idle.toFixed(2)} s`)
  console.log(kinds.slice(0, 15).map(show).join('\n'))
  console.log(`\n${functions.slice(0, 40).map(show).join('\n')}`)
}
