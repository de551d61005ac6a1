import createDebug from 'debug';
import { codeOf, isSluiceError, printable, SluiceError } from '../errors.js';
import { Channel } from './channel.js';
import { isFinal } from './states.js';
import { Transfer } from './transfer.js';
const debug = createDebug('sluice:session');
/** What is said of oneself. */
const AGENT = 'sluice/0.1';
/**
 * The conversation that sender and receiver have in common: HELLO, cancelling, errors, and how it ends. Whatever
 * happens first decides the outcome; `finished` settles when everything that was opened is closed.
 */
export class Session {
    control;
    channel;
    /** Aborted when the river has to stop. */
    stop = new AbortController();
    #keepOpen;
    #signal;
    #greeted = false;
    #ending = null;
    constructor(direction, socket, line, options) {
        this.control = Transfer.create(direction, (reason) => this.#cancel(reason));
        this.#keepOpen = options.keepOpen ?? false;
        this.#signal = options.signal;
        this.channel = new Channel(socket, line, options, {
            talk: (message) => this.#talk(message),
            ended: () => this.hungUp(),
            failed: (error) => this.fail(error),
        });
        this.channel.say({ type: 'hello', version: 1, agent: AGENT, features: [] });
        this.#signal?.addEventListener('abort', this.#aborted);
        if (this.#signal?.aborted)
            queueMicrotask(this.#aborted);
    }
    get transfer() {
        return this.control.transfer;
    }
    /** The peer has nothing more to say. */
    hungUp() { }
    /** Ends well: the receiver has reported, and the sender has read it. */
    conclude(result) {
        const failed = result.files.filter((file) => file.status === 'failed');
        const error = failed.length === 0
            ? null
            : new SluiceError('ERR_FILES_FAILED', describe(failed, result.files.length), {
                outcomes: result.files,
            });
        this.#end(this.#keepOpen, () => error === null ? this.control.complete(result) : this.control.fail(error));
    }
    /** Ends with an error, of which the peer is told, unless it said so itself or cannot be reached. */
    fail(error, tell = !isSluiceError(error, 'ERR_INTERRUPTED')) {
        if (this.#ending !== null)
            return;
        debug('failed: %s %s', error.code, printable(error.message));
        if (tell)
            this.channel.say({ type: 'error', code: error.code, text: error.message });
        this.#end(false, () => this.control.fail(error));
    }
    /** The river begins behind the handshake. */
    requireHello() {
        if (!this.#greeted)
            throw new SluiceError('ERR_PROTOCOL', 'the peer began before it said hello');
    }
    /** Counts the entries that are to come. */
    plan(entries) {
        const { meter } = this.control;
        meter.totalFiles = entries.length;
        meter.totalBytes = 0;
        for (const { size } of entries) {
            meter.totalBytes = size === null || meter.totalBytes === null ? null : meter.totalBytes + size;
        }
    }
    /** Counts what flows. */
    passed = ({ length, cuts }) => {
        const { entry, offset, bytes } = cuts.at(-1);
        this.control.meter.add(length, { path: entry.path, bytes: offset + bytes.length, size: entry.size });
        this.control.advance();
    };
    warn = (warning) => this.control.warn(warning);
    /** Counts an entry of which the outcome is known. */
    ended(outcome) {
        this.control.meter.files += 1;
        this.control.file(outcome);
        this.control.advance();
    }
    result(files) {
        const count = (status) => files.filter((file) => file.status === status).length;
        return {
            id: this.transfer.id,
            files,
            published: count('published'),
            skipped: count('skipped'),
            failed: count('failed'),
            bytes: this.control.meter.bytes,
        };
    }
    /** Whether the outcome is decided. */
    get over() {
        return this.#ending !== null;
    }
    #end(keepOpen, settle) {
        if (this.#ending !== null)
            return;
        this.#signal?.removeEventListener('abort', this.#aborted);
        this.#ending = (async () => {
            await null; // the reader is in the middle of a message
            this.stop.abort();
            await Promise.all([this.channel.hangUp(keepOpen), this.settled()]);
            if (!isFinal(this.transfer.state))
                settle();
        })();
    }
    #aborted = () => {
        this.#cancel(this.#signal?.reason instanceof Error ? this.#signal.reason.message : '');
    };
    async #cancel(reason) {
        if (this.#ending === null) {
            this.channel.say({ type: 'cancel', ...(reason === '' ? {} : { reason }) });
            this.fail(new SluiceError('ERR_CANCELLED', because('cancelled here', reason)), false);
        }
        await this.#ending;
    }
    #talk(message) {
        debug('heard %s', message.type);
        if (this.#ending !== null)
            return true;
        if (!this.#greeted && message.type !== 'hello' && message.type !== 'error' && message.type !== 'cancel') {
            throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} before hello`);
        }
        switch (message.type) {
            case 'hello':
                if (this.#greeted)
                    throw new SluiceError('ERR_PROTOCOL', 'the peer said hello twice');
                this.#greeted = true;
                this.channel.greeted();
                this.greeted();
                return true;
            case 'ping':
                return true;
            case 'cancel':
                this.fail(new SluiceError('ERR_CANCELLED', because('cancelled by the peer', message.reason ?? '')), false);
                return false;
            case 'error':
                this.fail(errorOfPeer(message.code, message.text), false);
                return false;
            default:
                return this.heard(message);
        }
    }
}
/** What the river threw, as an error of ours. */
export function asError(error) {
    if (isSluiceError(error))
        return error;
    const { message } = error;
    return new SluiceError('ERR_DESTROYED', `a stage of the transfer stopped: ${message}`, { cause: error });
}
/** Resolves when all of the streams, which have ended or been destroyed, have closed what they opened. */
export async function closed(streams) {
    await Promise.all(streams.map((stream) => stream.closed || new Promise((resolve) => stream.once('close', resolve))));
}
function because(what, reason) {
    return reason === '' ? what : `${what}: ${printable(reason, 1024)}`;
}
/** An error that the peer told keeps its code, if it is one of ours. */
function errorOfPeer(code, text) {
    return new SluiceError(codeOf(code), `the peer says: ${printable(text, 1024)}`, { found: code });
}
function describe(failed, all) {
    const { path, code } = failed[0];
    const more = failed.length === 1 ? '' : ` and ${failed.length - 1} more`;
    return `${failed.length} of ${all} entries failed: ${printable(path)} (${code})${more}`;
}
//# sourceMappingURL=session.js.map