import type { Limits } from './limits.js';
import type { Packed } from './msgpack.js';
/** How a message stands in a frame: its number, and each key of its map with what is allowed there. */
export interface Shape {
    frame: number;
    required: Record<string, Check>;
    optional?: Record<string, Check>;
    /** What the keys must be together: gives what is wrong. */
    together?: (map: Record<string, Packed>) => string | undefined;
}
type Check = (value: Packed, limits: Limits) => boolean;
/** Kinds of entries and outcomes, by the number that stands for them in a tuple. */
export declare const ENTRY_TYPES: readonly ['file', 'directory', 'symlink'];
export declare const STATUSES: readonly ['published', 'skipped', 'failed'];
/** UTF-8 bytes of a name for people: that of an offer, of an agent. */
export declare const NAME_BYTES = 255;
/** Every message of version 1. */
export declare const SHAPES: {
    offer: {
        frame: 1;
        required: {
            id: Check;
            name: Check;
            algorithm: Check;
            entries: Check;
            bytes: Check;
        };
    };
    entries: {
        frame: 2;
        required: {
            entries: Check;
        };
    };
    digests: {
        frame: 4;
        required: {
            digests: Check;
        };
    };
    end: {
        frame: 5;
        required: {};
    };
    hello: {
        frame: 32;
        required: {
            version: Check;
            agent: Check;
            features: (value: Packed, limits: Limits) => boolean;
        };
        optional: {
            limits: Check;
        };
    };
    answer: {
        frame: 33;
        required: {
            offer: Check;
            accept: Check;
        };
        optional: {
            reason: Check;
            want: Check;
        };
        together: ({ accept, reason: why, want }: Record<string, Packed>) => "that accepts, with a reason" | "that rejects, with a selection" | undefined;
    };
    outcomes: {
        frame: 35;
        required: {
            outcomes: Check;
        };
    };
    pause: {
        frame: 36;
        required: {};
    };
    resume: {
        frame: 37;
        required: {};
    };
    cancel: {
        frame: 38;
        required: {};
        optional: {
            reason: Check;
        };
    };
    ping: {
        frame: 39;
        required: {};
    };
    result: {
        frame: 40;
        required: {
            status: (value: Packed) => value is "completed" | "failed";
            published: Check;
            skipped: Check;
            failed: Check;
            bytes: Check;
        };
    };
    error: {
        frame: 41;
        required: {
            code: Check;
            text: Check;
        };
    };
};
export {};
