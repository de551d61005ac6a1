import { NAMES } from './names.js'
import { type ContenderResult, find, largest, medianOf, type SceneResult } from './results.js'
import type { Delay, Usage } from './usage.js'

/** A figure, and the same with the start of the process where that makes a difference. */
export interface Figure {
  value: number
  withStart?: number
}

/** A figure that has to be reached. */
export interface Bar {
  what: string
  /** Where it is measured. */
  scene: string
  unit: 'ratio' | 'MB' | 'ms'
  atMost: number
  aim: number
  /** Undefined where one of those that it needs was not measured. */
  figure(scenes: readonly SceneResult[]): Figure | undefined
}

/** A figure as it came out. */
export interface Judged extends Omit<Bar, 'figure'> {
  figure: Figure | undefined
  reached: 'aim' | 'yes' | 'no' | 'not measured'
}

export function judge({ figure: measure, ...bar }: Bar, scenes: readonly SceneResult[]): Judged {
  const figure = measure(scenes)
  if (!figure) return { ...bar, figure, reached: 'not measured' }
  const { value } = figure
  return { ...bar, figure, reached: value <= bar.aim ? 'aim' : value <= bar.atMost ? 'yes' : 'no' }
}

/** What must be reached, on each Node; both ends on one machine with two processors. */
export const BARS: readonly Bar[] = [
  ratio('1 GiB, blocks, to an rsync daemon', 'large', [NAMES.command, NAMES.rsync], [1, 0.8]),
  ratio('1 GiB, blocks, to tar-fs', 'large', [NAMES.command, NAMES.tarFs], [0.65, 0.5]),
  ratio('1 GiB, sha256, to a Node pipeline', 'large', [NAMES.server, NAMES.pipeline], [0.9, 0.75]),
  ratio('10,000 × 4 KiB, to an rsync daemon', 'small', [NAMES.command, NAMES.rsync], [1.5, 1]),
  ratio('10,000 × 4 KiB, to tar-fs', 'small', [NAMES.command, NAMES.tarFs], [0.09, 0.06]),
  ratio('the same in a server, to an rsync daemon', 'small', [NAMES.server, NAMES.rsync], [1.7, 1.1]),
  ratio('node_modules, to an rsync daemon', 'mixed', [NAMES.command, NAMES.rsync], [1.4, 1]),
  ratio('10,000 × 4 KiB, power to crash', 'small', [NAMES.power, NAMES.command], [4, 2]),
  ratio(
    '2,000 atomic writes, power, to write-file-atomic',
    'atomic:power',
    [NAMES.writer, NAMES.otherWriter],
    [0.6, 0.2],
  ),
  ratio('1 GiB, secure channel, to scp', 'secure', [NAMES.secure, NAMES.scp], [0.8, 0.6]),
  ratio(
    '1 GiB, 88 ms round trip, to rsync through the same',
    'far:large',
    [NAMES.command, NAMES.rsync],
    [0.9, 0.5],
  ),
  ratio(
    '400 MB over 4 connections, each 100 ms and 10 MB/s, to 1',
    'far:connections',
    [NAMES.connections4, NAMES.connections1],
    [0.3, 0.26],
  ),
  memory('1 GiB', 'large', [100, 80]),
  memory('100,000 files', 'tiny', [120, 100]),
  memory('1,000,000 entries', 'growth:million', [300, 200]),
  ratio('sluice --version, to node -e 0', 'start', [NAMES.version, NAMES.node], [2, 1.3]),
  {
    what: 'time per file, 100,000 to 1,000',
    scene: 'growth:entries',
    unit: 'ratio',
    atMost: 1.2,
    aim: 1.05,
    figure: perFile,
  },
  ratio(
    '100,000 files that stand by their time, to rsync',
    'again:unchanged',
    [NAMES.command, NAMES.rsyncAgain],
    [1.5, 1],
  ),
  ratio(
    '100,000 files that stand by content, to rsync -c',
    'again:equal',
    [NAMES.command, NAMES.rsyncAgain],
    [1, 1],
  ),
  ratio(
    '1 GiB of which nine tenths are there, to one of which nothing is',
    'again:part',
    [NAMES.command, NAMES.command],
    [0.3, 0.3],
    'again:nothing',
  ),
  delay('event loop of a server, p99', ({ p99 }) => p99, [5.9, 4]),
  delay('event loop of a server, longest block', ({ longest }) => longest, [15, 10]),
  delay('the same, held by the server itself, p99', ({ heldP99 }) => heldP99, [5.9, 4]),
  delay('the same, held by the server itself, longest', ({ heldLongest }) => heldLongest, [15, 10]),
]

type AtMostAndAim = [atMost: number, aim: number]

/** The median of one, as a part of that of another; of another scene, if that is said. */
function ratio(
  what: string,
  scene: string,
  [own, other]: [string, string],
  [atMost, aim]: AtMostAndAim,
  otherScene = scene,
): Bar {
  const figure = (scenes: readonly SceneResult[]) => {
    const [a, b] = [find(scenes, scene, own), find(scenes, otherScene, other)]
    return a && b && { value: wallOf(a) / wallOf(b), withStart: wallWithStartOf(a) / wallWithStartOf(b) }
  }
  return { what, scene, unit: 'ratio', atMost, aim, figure }
}

const wallOf = (contender: ContenderResult) => medianOf(contender, ({ wall }) => wall)
const wallWithStartOf = (contender: ContenderResult) =>
  medianOf(contender, ({ wallWithStart }) => wallWithStart)

/** The peak of the process that takes more, of the command. */
function memory(what: string, scene: string, [atMost, aim]: AtMostAndAim): Bar {
  const figure = (scenes: readonly SceneResult[]) => {
    const own = find(scenes, scene, NAMES.command)
    return own && { value: largest(own, ({ peak }) => peak) / 1e6 }
  }
  return { what: `peak memory: ${what}`, scene, unit: 'MB', atMost, aim, figure }
}

/** The worse of both processes, and of the large file and the small ones. */
function delay(what: string, pick: (delay: Delay) => number, [atMost, aim]: AtMostAndAim): Bar {
  const late = (usage: Usage) => pick(usage.delay!)
  const figure = (scenes: readonly SceneResult[]) => {
    const both = ['loop:large', 'loop:small'].map((scene) => find(scenes, scene, NAMES.server))
    const [large, small] = both
    return large && small && { value: Math.max(largest(large, late), largest(small, late)) }
  }
  return { what, scene: 'loop', unit: 'ms', atMost, aim, figure }
}

/** What a file takes among many, as a part of what it takes among few. */
function perFile(scenes: readonly SceneResult[]): Figure | undefined {
  const own = scenes
    .find(({ name }) => name === 'growth:entries')
    ?.contenders.filter(({ name }) => name === NAMES.command)
  const [few, many] = [own?.at(0), own?.at(-1)]
  if (!few || !many) return undefined
  const each = (pick: typeof wallOf) => pick(many) / many.size! / (pick(few) / few.size!)
  return { value: each(wallOf), withStart: each(wallWithStartOf) }
}
