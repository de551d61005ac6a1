import { pipeline } from 'node:stream/promises';
import { SluiceError } from '../errors.js';
import { checkBitmap, isWanted } from '../wire/positions.js';
import { deferred } from './deferred.js';
import { asError, closed, Session } from './session.js';
/** The sender's part of the conversation: offer, answer, river, outcomes, result. */
export class Sender extends Session {
    #line;
    #sending;
    #hello = deferred();
    #answer = deferred();
    #state = 'preparing';
    #entries = [];
    #outcomes = new Map();
    #stages = [];
    constructor(socket, line, sending, options) {
        super('send', socket, line, options);
        this.#line = line;
        this.#sending = sending;
        this.channel.deframer.on('data', () => {
            this.fail(new SluiceError('ERR_PROTOCOL', 'the peer sends files, but this side is the sender'));
        });
        this.#run().catch((error) => this.fail(asError(error)));
    }
    async #run() {
        const { offer, skipped } = await this.#sending.prepare();
        if (this.over)
            return;
        this.control.identify(offer.id);
        for (const warning of skipped)
            this.control.warn(warning);
        this.control.move('connecting');
        await this.#hello.promise;
        if (this.over)
            return;
        this.#entries = offer.entries;
        const stages = this.#sending.river(this.#answer.promise, this.passed, this.warn);
        this.#stages = stages;
        this.#state = 'offered';
        this.control.move('offered');
        await pipeline([...stages, this.#line.framer], { end: false, signal: this.stop.signal });
        this.channel.say({ type: 'end' });
        this.#state = 'sent';
    }
    greeted() {
        this.#hello.resolve();
    }
    settled() {
        return closed(this.#stages);
    }
    heard(message) {
        switch (message.type) {
            case 'answer':
                this.#expect(message, 'offered');
                if (message.offer !== 0)
                    throw new SluiceError('ERR_PROTOCOL', 'the peer answered an offer that was not made');
                if (message.accept)
                    this.#accepted(message.want);
                else
                    this.#rejected(message.reason ?? 'no reason given');
                return message.accept;
            case 'outcomes':
                this.#expect(message, 'sending', 'sent');
                for (const outcome of message.outcomes)
                    this.#outcome(outcome);
                return true;
            case 'result':
                this.#expect(message, 'sent');
                this.#result(message);
                return false;
            default:
                throw new SluiceError('ERR_PROTOCOL', `a receiver does not say ${message.type}`);
        }
    }
    #accepted(want) {
        if (want !== undefined)
            checkBitmap(want, this.#entries.length);
        this.#state = 'sending';
        this.plan(want === undefined ? this.#entries : this.#entries.filter((entry) => isWanted(want, entry.index)));
        this.control.move('sending');
        this.#answer.resolve(want);
    }
    #rejected(reason) {
        this.channel.say({ type: 'result', status: 'failed', published: 0, skipped: 0, failed: 0, bytes: 0 });
        this.fail(new SluiceError('ERR_REJECTED', `the receiver rejected the offer: ${reason}`), false);
    }
    #outcome(record) {
        const entry = this.#entries[record.index];
        if (entry === undefined || this.#outcomes.has(record.index)) {
            throw new SluiceError('ERR_PROTOCOL', `the peer reported an outcome of entry ${record.index} that nobody waits for`);
        }
        const { status, name, code } = record;
        const outcome = { path: entry.path, status, ...(name && { name }), ...(code && { code }) };
        this.#outcomes.set(record.index, outcome);
        this.ended(outcome);
    }
    #result(message) {
        const files = this.#entries.map(({ index }) => this.#outcomes.get(index));
        const result = this.result(files.filter((outcome) => outcome !== undefined));
        const { published, skipped, failed } = message;
        if (result.files.length !== this.#entries.length ||
            result.published !== published ||
            result.skipped !== skipped ||
            result.failed !== failed) {
            throw new SluiceError('ERR_PROTOCOL', 'the result of the peer does not match the outcomes that it reported', {
                expected: result,
                found: message,
            });
        }
        this.channel.say(message);
        this.conclude(result);
    }
    #expect(message, ...states) {
        if (states.includes(this.#state))
            return;
        throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} while this side was ${this.#state}`);
    }
}
//# sourceMappingURL=sender.js.map