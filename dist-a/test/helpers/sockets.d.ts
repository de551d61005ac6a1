import { type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
/** Two ends of a TCP connection over loopback, destroyed when the test ends. */
export declare function connection(t: ExecutionContext<unknown>): Promise<[Socket, Socket]>;
