/** The process that something on disk belongs to. All parts but `pid` are opaque: they are compared, not read. */
export interface Owner {
    pid: number;
    /** When the process began, so that another one with the same number is told apart; '' if the system does not say. */
    start: string;
    /** The machine, and the space of its process numbers (a container has its own). */
    host: string;
    /** The boot of the machine: what an earlier one left has no living owner. '' if the system does not say. */
    boot: string;
    /** Random, so that two owners in one process differ. */
    token: string;
}
/** What is asked of the system; a parameter, so that a test can play another one. */
export interface ProcessSystem {
    pid: number;
    hostname(): string;
    /** The text of a file, or the target of a link, under /proc; undefined where there is none. */
    read(path: string): string | undefined;
    isAlive(pid: number): boolean;
}
/** This machine. */
export declare const processSystem: ProcessSystem;
/** This process as an owner, with a token of its own. */
export declare function thisOwner(system?: ProcessSystem): Owner;
/**
 * Whether the process is certainly no more. An owner on another machine, or one of which too little is known, may
 * live.
 */
export declare function isGone(owner: Owner, system?: ProcessSystem): boolean;
