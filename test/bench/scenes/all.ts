import { againScenes } from './again.js'
import { atomicScenes } from './atomic.js'
import { firstByteScene } from './first-byte.js'
import { growthScenes } from './growth.js'
import { loopScenes } from './loop.js'
import { profileScenes } from './profile.js'
import type { Scene } from './scene.js'
import { startScene } from './start.js'
import { farScenes, transferScenes } from './transfers.js'

/** All scenes, in their order. A new one stands here, and what must be reached in it in the table of the figures. */
export const allScenes = (quick: boolean): Scene[] => [
  ...transferScenes(quick),
  ...farScenes(quick),
  ...atomicScenes(quick),
  startScene,
  ...loopScenes(quick),
  ...growthScenes(quick),
  ...againScenes(quick),
  firstByteScene,
  ...profileScenes(quick),
]
