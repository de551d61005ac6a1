import { Duplex } from 'node:stream';
import { type Clock } from '../stages/clock.js';
/**
 * What goes wrong with the bytes that one end writes. All positions are bytes from the beginning; a fault at 0
 * happens with the first write. Of several at one position, the first in this order happens.
 */
export interface Faults {
    /** After so many bytes the connection is gone: the reader sees an early end, the writer `EPIPE`. */
    cutAfter?: number;
    /** After so many bytes both ends fail with this error (`ECONNRESET` by default), and what is in flight is lost. */
    errorAfter?: number;
    error?: Error;
    /** After so many bytes the rest disappears on the way, as if a firewall had forgotten the connection. */
    dropAfter?: number;
    /** After so many bytes the other end takes no more, for ever: a peer that never reads. */
    stallAfter?: number;
    /** Bytes in each piece that arrives; `random` by {@link Faults.seed}. As they were written, by default. */
    pieces?: number | 'random';
    /** For random pieces. */
    seed?: number;
    /** Milliseconds that every piece takes, one after the other. */
    delay?: number;
}
/** What {@link duplexPair} takes: what happens on the way from the first end to the second, and back. */
export interface DuplexPairOptions {
    forth?: Faults;
    back?: Faults;
    /** Bytes that may wait in each buffer; 16 KiB by default. */
    highWaterMark?: number;
    /** Where the delay comes from. */
    clock?: Clock;
}
/**
 * Two ends of a connection in memory, as half-open as sockets are: each end may be ended on its own, a reader
 * that does not read stops the writer, and when one is destroyed the other sees the end, or `ECONNRESET` if
 * something was unread. Throws `ERR_USAGE` on a fault that is not possible.
 */
export declare function duplexPair(options?: DuplexPairOptions): [Duplex, Duplex];
