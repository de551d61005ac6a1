// What the processes of the benchmark and their parent tell each other, over the channel of fork(). What is measured is
// not said here: the probe adds it to the last report.
import { once } from 'node:events'

export type Report = { kind: 'ready'; port?: number } | { kind: 'done'; bytes?: number }
export type Order = { kind: 'go'; port: number }

/** Nobody waits for what would come. */
const orphaned = () => process.exit(1)
process.once('disconnect', orphaned)

/** The job that this process was started with. */
export const job = <T>() => JSON.parse(process.argv[2]!) as T

export const tell = (report: Report) => new Promise<void>((told) => process.send!(report, () => told()))

/** Says that all is ready, and waits for the order to begin. */
export async function readyAndTold(port?: number): Promise<Order> {
  const told = once(process, 'message') as Promise<[Order]>
  await tell({ kind: 'ready', port })
  return (await told)[0]
}

/** Says that all is done, and how many bytes were counted; the process may end. */
export async function done(bytes?: number): Promise<void> {
  await tell({ kind: 'done', bytes })
  process.off('disconnect', orphaned)
  process.disconnect()
}
