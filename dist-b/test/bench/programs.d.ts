import type { Socket } from 'node:net';
/** A way to move a folder over a connected socket, into a folder of the same name under `target`. */
export interface Program {
    send(socket: Socket, source: string): Promise<void>;
    receive(socket: Socket, target: string, name: string): Promise<void>;
}
export declare const PROGRAMS: Record<string, () => Promise<Program>>;
