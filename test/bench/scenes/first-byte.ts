import { alone } from '../children/alone.js'
import type { FirstByteJob } from '../children/first-byte.js'
import type { Sample } from '../figures/usage.js'
import { type Build, nameOf } from '../movers/build.js'
import type { Scene } from './scene.js'

const GIB = 2 ** 30

/** The time to the first new byte where much is there already, of small and of very large files. */
export const firstByteScene: Scene = {
  name: 'first-byte',
  title: 'The first new byte of a file, nine tenths of which are there',
  extra: true,
  contenders: async ({ builds }) =>
    builds.flatMap((build) =>
      [0, 44].flatMap((delay) =>
        [1, 16, 400].map((gib) => ({
          name: nameOf(`${gib} GiB, ${2 * delay} ms round trip`, build),
          run: () => firstByte(build, gib * GIB, delay),
        })),
      ),
    ),
}

/** Goes on with a file of zeros of so many bytes, which take `delay` milliseconds in each direction. */
export const firstByte = ({ node, library }: Build, size: number, delay: number): Promise<Sample> =>
  alone('first-byte', { size, delay, library } satisfies FirstByteJob, node)
