import { finished } from 'node:stream';
import createDebug from 'debug';
import pump from 'pump';
import { isSluiceError, SluiceError } from '../errors.js';
import { checkFormats, encodePreface, PrefaceParser } from '../wire/preface.js';
const debug = createDebug('sluice:channel');
/**
 * A socket with the stages around it. The socket stands apart from the chains, which are torn down on an error: it has
 * to live long enough to carry the ERROR. Watches the time, too: that of the whole handshake, and silence.
 */
export class Channel {
    deframer;
    #socket;
    #line;
    #limits;
    #events;
    #first;
    #last;
    #preface;
    #over = false;
    #heard = performance.now();
    #said = performance.now();
    #watching;
    #handshake;
    constructor(socket, line, { limits, head }, events) {
        this.#socket = socket;
        this.#line = line;
        this.#limits = limits;
        this.#events = events;
        this.deframer = line.deframer((message) => events.talk(message));
        this.deframer.once('finish', () => events.ended());
        const incoming = [...line.incoming, this.deframer];
        const outgoing = [line.framer, ...line.outgoing];
        this.#first = incoming[0];
        this.#last = outgoing.at(-1);
        this.#tie(incoming);
        this.#tie(outgoing);
        const { handshakeTimeout, pingInterval, idleTimeout } = limits;
        this.#handshake = setTimeout(() => this.#late('handshake did not end', handshakeTimeout), handshakeTimeout);
        this.#watching = setInterval(this.#watch, Math.min(pingInterval, idleTimeout) / 4);
        // The list of formats goes in the clear, so that a mismatch can be told from a broken stream.
        this.#preface = line.formats.length > 0 ? new PrefaceParser() : null;
        if (line.formats.length > 0)
            socket.write(encodePreface(line.formats));
        this.#last.on('data', this.#write).once('end', () => debug('all said'));
        socket
            .on('drain', this.#drained)
            .on('error', this.#broken)
            .on('end', this.#ended)
            .on('close', this.#ended);
        if (head !== undefined && head.length > 0)
            queueMicrotask(() => this.#read(head));
        socket.on('data', this.#read).resume();
        this.#first.on('drain', this.#resume);
    }
    /** The peer has said HELLO. */
    greeted() {
        clearTimeout(this.#handshake);
    }
    say(message) {
        debug('say %s', message.type);
        if (!this.#over)
            this.#line.framer.talk(message);
    }
    /** Resolves when what was said is on its way, or the line is over: for who has much to say. */
    async ready() {
        if (!this.#over)
            await this.#line.framer.ready();
    }
    /**
     * Ends the line once what was said has gone out. The peer has `closeTimeout` for it; what it still sends is
     * discarded. With `keepOpen` the socket is given back instead: paused, what follows the transfer unread.
     */
    async hangUp(keepOpen) {
        clearTimeout(this.#handshake);
        clearInterval(this.#watching);
        const socket = this.#socket;
        const timer = setTimeout(() => socket.destroy(), this.#limits.closeTimeout);
        if (!this.#over && !socket.destroyed) {
            const flushed = ended(this.#last, { writable: false });
            this.#line.framer.close();
            await Promise.race([flushed, ended(socket)]);
        }
        this.#over = true;
        if (keepOpen && !socket.destroyed)
            this.#giveBack();
        else {
            socket.end();
            socket.resume();
            await ended(socket);
            socket.destroy();
        }
        clearTimeout(timer);
        for (const stage of [...this.#line.incoming, this.deframer, this.#line.framer, ...this.#line.outgoing])
            stage.destroy();
    }
    #giveBack() {
        const socket = this.#socket;
        socket.off('data', this.#read).off('drain', this.#drained).off('error', this.#broken);
        socket.off('end', this.#ended).off('close', this.#ended);
        socket.pause();
        const { rest } = this.deframer;
        if (rest !== null && rest.length > 0)
            socket.unshift(rest);
    }
    /** Makes one chain of the stages, torn down together; their errors come to `#fail`. */
    #tie(stages) {
        const failed = (error) => error && this.#fail(error);
        if (stages.length > 1)
            pump(stages, failed);
        else
            stages[0].on('error', failed);
    }
    #write = (chunk) => {
        this.#said = performance.now();
        if (!this.#socket.destroyed && !this.#socket.write(chunk))
            this.#last.pause();
    };
    #drained = () => {
        this.#last.resume();
    };
    #read = (chunk) => {
        this.#heard = performance.now();
        if (this.#over)
            return;
        let bytes = chunk;
        if (this.#preface !== null) {
            try {
                const preface = this.#preface.push(bytes);
                if (preface === undefined)
                    return;
                checkFormats(this.#line.formats, preface.formats);
                this.#preface = null;
                bytes = preface.rest;
            }
            catch (error) {
                return this.#fail(error);
            }
        }
        if (bytes.length > 0 && !this.#first.write(bytes))
            this.#socket.pause();
    };
    #resume = () => {
        this.#heard = performance.now(); // who was not listened to was not silent
        this.#socket.resume();
    };
    #ended = () => {
        if (this.#over)
            return;
        if (this.#preface !== null)
            this.#fail(new SluiceError('ERR_TRUNCATED', 'the stream ended before its preface did'));
        else if (!this.#first.writableEnded)
            this.#first.end();
    };
    #broken = (cause) => {
        this.#fail(new SluiceError('ERR_INTERRUPTED', `the connection broke: ${cause.message}; run it again to resume`, {
            cause,
        }));
    };
    #watch = () => {
        const now = performance.now();
        if (this.#socket.isPaused())
            this.#heard = now;
        if (now - this.#heard > this.#limits.idleTimeout)
            this.#late('peer was silent', this.#limits.idleTimeout);
        // Where something waits to go out there is no need for a sign of life, and it would only pile up.
        else if (now - this.#said > this.#limits.pingInterval && !this.#last.isPaused())
            this.say({ type: 'ping' });
    };
    #late(what, milliseconds) {
        this.#fail(new SluiceError('ERR_TIMEOUT', `the ${what} for ${milliseconds} ms`));
    }
    #fail(error) {
        if (this.#over)
            return;
        clearTimeout(this.#handshake);
        clearInterval(this.#watching);
        this.#events.failed(isSluiceError(error)
            ? error
            : new SluiceError('ERR_CORRUPT', `a wire stage failed: ${error.message}`, { cause: error }));
    }
}
/** Resolves when the stream has ended, or was destroyed. */
function ended(stream, sides = { writable: true }) {
    return new Promise((resolve) => {
        finished(stream, sides, () => resolve());
    });
}
//# sourceMappingURL=channel.js.map