import { forked } from '../children/forked.js'
import type { PeerJob } from '../children/peer.js'
import type { ProgramOptions, SluiceOptions } from '../children/programs.js'
import { now, type Sample } from '../figures/usage.js'
import { type Build, nameOf } from './build.js'
import { type Job, type Mover, through } from './mover.js'

export interface PairOptions {
  node: string
  program: ProgramOptions
  /** Measures the event-loop delay too. */
  delay?: boolean
  /** Both processes have made a transfer before. */
  isWarm?: boolean
  /** A folder in which both processes leave a profile of their processor time. */
  profiles?: string | undefined
}

/** Sluice in two servers: the functions of the library, as it calls the disk by default. */
export function library(
  build: Build,
  name: string,
  options: Omit<SluiceOptions, 'kind' | 'library'> & Pick<PairOptions, 'delay' | 'isWarm' | 'profiles'> = {},
): Mover {
  const { delay, isWarm, profiles, ...how } = options
  const program: SluiceOptions = { kind: 'sluice', library: build.library, ...how }
  return programs(nameOf(name, build), { node: build.node, program, delay, isWarm, profiles })
}

/** A program in two processes of Node, with a TCP connection on the loopback between them. */
export function programs(name: string, options: PairOptions): Mover {
  return { name, move: (job) => movePair(job, options) }
}

async function movePair({ source, target, scratch, link }: Job, options: PairOptions): Promise<Sample> {
  const { node, program, delay, isWarm, profiles } = options
  const start = (role: PeerJob['role']) =>
    forked(
      'peer',
      { role, program, source, target, warmIn: isWarm ? scratch : undefined } satisfies PeerJob,
      {
        node,
        delay,
        profile: profiles === undefined ? undefined : { folder: profiles, name: `${role}.cpuprofile` },
      },
    )
  const spawned = now()
  const receiver = start('receiver')
  const sender = start('sender')
  try {
    const [{ port }] = await Promise.all([receiver.ready(), sender.ready()])
    const { value, bytes } = await through(link, port!, async (port) => {
      const began = now()
      receiver.go()
      sender.go({ port })
      const ended = await Promise.all([sender.done(), receiver.done()])
      return { began, ended }
    })
    const [send, receive] = value.ended
    const end = Math.max(send.at, receive.at)
    return {
      wall: (end - value.began) / 1000,
      wallWithStart: (end - spawned) / 1000,
      usage: { sender: send.usage, receiver: receive.usage },
      bytes,
    }
  } finally {
    sender.kill()
    receiver.kill()
  }
}
