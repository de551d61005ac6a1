import type { Usage } from './measure.js';
import type { Delay } from './peer.js';
/** What one transfer took. */
export interface Run {
    /** Seconds from the order to send until both sides are done. */
    wall: number;
    send: Usage;
    receive: Usage;
}
/** What two processes reported beside it. */
export interface PairRun extends Run {
    delays?: {
        send: Delay;
        receive: Delay;
    };
}
export interface PairOptions {
    program: string;
    source: string;
    target: string;
    delay?: boolean;
    /** A folder in which both processes leave a profile of their processor time. */
    profiles?: string;
}
/** Runs a transfer between two processes over a TCP connection on loopback. */
export declare function runPair({ profiles, delay, ...job }: PairOptions): Promise<PairRun>;
