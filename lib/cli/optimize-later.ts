import { setFlagsFromString } from 'node:v8'

/**
 * Has the engine of Node 20 optimise functions ten times later than it would. It does so on other threads, for some two
 * hundred functions: that is a quarter of the processor time of ten thousand small files, and more than it saves before
 * the command has ended. What runs for longer than a few seconds gets its functions optimised all the same. Later
 * engines weigh it better by themselves, and complain of a flag that they do not have.
 */
export function optimizeLater(): void {
  if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=675840')
}
