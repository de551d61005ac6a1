import { type ChildProcess } from 'node:child_process';
import type { ExecutionContext } from 'ava';
export interface Ended {
    code: number | null;
    out: string;
    err: string;
}
/** The command line in a process of its own, ended with the test. */
export declare class Command {
    #private;
    readonly child: ChildProcess;
    readonly ended: Promise<Ended>;
    constructor(t: ExecutionContext<unknown>, args: string[], options?: {
        cwd?: string;
        input?: 'pipe' | 'ignore';
    });
    /** The next line of standard output. */
    line(): Promise<string>;
}
export declare function run(t: ExecutionContext<unknown>, ...args: string[]): Promise<Ended>;
