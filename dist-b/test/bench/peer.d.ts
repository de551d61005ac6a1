import { type Usage } from './measure.js';
export interface Job {
    role: 'send' | 'receive';
    program: string;
    /** The folder to send; the receiver uses its last name. */
    source: string;
    target: string;
    /** Measures the event-loop delay too. */
    delay?: boolean;
}
/** Milliseconds that the event loop was late. */
export interface Delay {
    p50: number;
    p99: number;
    max: number;
    samples: number;
}
export type Report = {
    kind: 'ready';
    port: number;
} | {
    kind: 'done';
    usage: Usage;
    delay: Delay | undefined;
};
export type Order = {
    kind: 'go';
    port: number;
};
