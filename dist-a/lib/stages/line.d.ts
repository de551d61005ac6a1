import type { Limits } from '../wire/limits.js';
import type { Message } from '../wire/messages.js';
import type { WireStage } from './wire-stage.js';
export interface LineOptions {
    stages?: {
        wire?: readonly WireStage[];
    };
    keepOpen?: boolean;
    limits: Limits;
}
/** The stages next to a socket, for either direction: framer and deframer, with the wire stages between. */
export declare function lineOf({ stages, keepOpen, limits }: LineOptions): {
    line: {
        framer: import("./framer.js").Framer;
        deframer: (onTalk: (message: Message) => boolean) => import("./deframer.js").Deframer;
        outgoing: import("stream").Transform[];
        incoming: import("stream").Transform[];
        formats: string[];
    };
    maxFrame: number;
};
