import { type DiskFault, MemoryDisk, type MemoryDiskOptions } from '../../lib/testing/index.js';
interface Work {
    options?: MemoryDiskOptions;
    /** What stands on the disk before, synced. */
    set: (disk: MemoryDisk) => void;
    work: (disk: MemoryDisk) => Promise<unknown>;
}
export interface CrashSweep extends Work {
    /** What the next run does first; the power is cut at each of its calls, too. */
    recover?: (disk: MemoryDisk) => Promise<unknown>;
    /**
     * Says what is wrong with a disk that was found, by throwing.
     * @param acknowledged whether the work had ended before the power was cut
     */
    look: (found: MemoryDisk, acknowledged: boolean, place: string) => void | Promise<void>;
    /** Outcomes of each moment that are looked at. */
    seeds?: number;
    /** Outcomes of each moment of the recovery. */
    again?: number;
}
/**
 * Cuts the power before every call of `work`, and once after it; each time as many disks are found as there are
 * `seeds`, each with another part of what was not synced. Gives how many were looked at.
 */
export declare function crashSweep({ options, set, work, recover, look, seeds, again, }: CrashSweep): Promise<{
    states: number;
}>;
export interface FaultSweep extends Work {
    /** Says what is wrong with the disk afterwards, by throwing. `result` is what the work gave, or its error. */
    look: (disk: MemoryDisk, result: unknown, place: string) => void | Promise<void>;
    /** The next run, on a disk that works again; `look` is called before it and, if there is one, after it. */
    recover?: (disk: MemoryDisk) => Promise<unknown>;
    faults?: Fault[];
}
export type Fault = Omit<DiskFault, 'call' | 'nth'>;
/** What may go wrong with one call: once, from then on, or although it was done. */
export declare const FAULTS: Fault[];
/**
 * Fails call number 1, 2, 3 … of `work`, until there is none so high, in each of the ways of `faults`. Whatever
 * happens, no handle stays open.
 */
export declare function faultSweep({ options, set, work, look, recover, faults, }: FaultSweep): Promise<{
    runs: number;
}>;
export {};
