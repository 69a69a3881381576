// The host's duty: one charge per key, whatever arrives, how often, and whenever we are killed.
//
// The rule behind every line: what is about to be done is in the journal before it is done, and
// what is answered is in the journal before it is answered. The last line of a key is true of it.
import { Journal } from './journal.mjs';
import { ProviderRefused } from './pretend_provider.mjs';

// How long after its acceptance a charge that the provider does not know is sent again, by the same
// key: well inside the time for which your provider recognises an idempotency key (often 24 h), and
// short enough that nobody is charged for an order of yesterday.
const RESEND_WITHIN_MS = 3_600_000;

// The first look at a charge whose end is not known, and the longest pause between two looks.
const FIRST_LOOK_MS = 200;
const LONGEST_PAUSE_MS = 60_000;

// running: the provider was, or is about to be, asked; nobody knows yet what came of it.
// pending: the provider has it and says that it is not final. refunding: money is being given back.
const OPEN = new Set(['running', 'pending', 'refunding']);
const STATUSES = new Set(['succeeded', 'declined', 'pending']);
const CAN_BE_STOPPED = new Set(['running', 'pending']);
const TAKEN = new Set(['succeeded', 'refunding', 'refunded']);
const FREE_OF_CHARGE = new Set(['declined', 'cancelled', 'rejected']);

const UNDONE = { status: 'undone' };
const STILL_OPEN = { status: 'pending' };
const tooLate = (message) => ({ status: 'too_late', message });

export class Charges {
  #records = new Map();
  #journal;
  #provider;
  #onSettled;

  /** `onSettled(key)` is called for every charge that ends later than its first answer. */
  static async open({ path, provider, onSettled }) {
    const charges = new Charges();
    charges.#provider = provider;
    charges.#onSettled = onSettled;
    charges.#journal = await Journal.open(path, (line) => charges.#replay(line));
    for (const record of charges.#records.values()) {
      if (OPEN.has(record.state)) charges.#follow(record, 0);
    }
    return charges;
  }

  /** POST: charge, unless the key was seen before. Gives [HTTP status, answer]. */
  async charge(order, digest) {
    const key = order.attempt_key;
    const known = this.#records.get(key);
    // No `await` between this look and the entry: of twenty at once, one comes past here.
    if (known === undefined) return this.#accept(key, { digest, order });
    await known.stored;
    // A key that was burnt before any charge came has no digest: every body finds it dead.
    if (known.digest !== undefined && known.digest !== digest) {
      return [409, { status: 'conflict', message: 'the key was used with another body' }];
    }
    if (known.state === 'rejected' && !known.busy && !known.cancel_asked) {
      await this.#tryAgain(known);
    }
    return answerOf(known);
  }

  /** GET: what became of the key. Never asks the provider, so it is quick and always honest. */
  async look(key) {
    const record = this.#records.get(key);
    if (record === undefined) {
      await this.#journal.check(); // a wrong "never seen" is how a customer is charged twice
      return [404, { status: 'never_seen', attempt_key: key }];
    }
    await record.stored;
    return answerOf(record);
  }

  /** Stop the charge if no money has moved; a key that was never seen is burnt for ever. */
  async cancel(key) {
    const record = this.#records.get(key);
    if (record === undefined) {
      await this.#enter(key, { state: 'cancelled' }).stored;
      return UNDONE;
    }
    await record.stored;
    if (CAN_BE_STOPPED.has(record.state)) {
      // What somebody wants stopped is not sent again by us, whatever becomes of this call.
      if (!record.cancel_asked) await this.#save(record, { cancel_asked: true });
      if (!record.busy && CAN_BE_STOPPED.has(record.state)) {
        await this.#alone(record, () => this.#stop(record));
      }
    } else if (record.state === 'rejected' && !record.busy) {
      await this.#alone(record, () => this.#save(record, { state: 'cancelled' }));
    }
    if (record.state === 'declined' || record.state === 'cancelled') return UNDONE;
    return TAKEN.has(record.state) ? tooLate('money was taken') : STILL_OPEN;
  }

  /** Give the whole charge back, once. */
  async refund(key) {
    const record = this.#records.get(key);
    if (record === undefined) return tooLate('nothing was taken');
    await record.stored;
    if (TAKEN.has(record.state) && !record.busy) {
      await this.#alone(record, () => this.#giveBack(record));
    }
    if (record.state === 'refunded') return UNDONE;
    return FREE_OF_CHARGE.has(record.state) ? tooLate('nothing was taken') : STILL_OPEN;
  }

  // Doing it ------------------------------------------------------------------------------------

  async #accept(key, facts) {
    const record = this.#enter(key, { state: 'running', accepted_at: Date.now(), ...facts }, true);
    await record.stored;
    await this.#alone(record, () => this.#send(record));
    return answerOf(record);
  }

  /** The provider refused *us* last time; if that is mended since, the same key may go on. */
  async #tryAgain(record) {
    await this.#alone(record, async () => {
      await this.#save(record, { state: 'running', accepted_at: Date.now() });
      await this.#send(record);
    });
  }

  async #send(record) {
    let found;
    try {
      found = await this.#provider.charge(orderOf(record));
    } catch (error) {
      // Only the very first send can be known to have failed: an earlier one may have charged.
      if (error instanceof ProviderRefused && !record.unsure) {
        await this.#save(record, { state: 'rejected', message: error.message });
      } else {
        record.unsure = true;
        this.#follow(record);
      }
      return;
    }
    await this.#take(record, found);
    if (OPEN.has(record.state)) this.#follow(record);
  }

  async #stop(record) {
    let end;
    try {
      end = await this.#provider.cancel(record.key);
    } catch {
      return; // nobody knows: external-gate asks again
    }
    if (end === 'cancelled') await this.#save(record, { state: 'cancelled' });
    else await this.#lookAgain(record);
  }

  async #giveBack(record) {
    if (record.state === 'refunded') return;
    if (record.state === 'succeeded') await this.#save(record, { state: 'refunding' });
    let end;
    try {
      // The same idempotency key in every repeat, also after a restart.
      end = await this.#provider.refund(record.key, `refund-${record.key}`);
    } catch {
      end = 'pending';
    }
    if (end === 'refunded') await this.#save(record, { state: 'refunded' });
    else this.#follow(record);
  }

  // Finding out ---------------------------------------------------------------------------------

  /** Ask the provider until the end is known. Its own webhook to you may do the same, sooner. */
  #follow(record, pauseMs = FIRST_LOOK_MS) {
    if (record.followed) return;
    record.followed = true;
    const look = async () => {
      record.followed = false;
      if (!OPEN.has(record.state)) return;
      if (!record.busy) await this.#alone(record, () => this.#lookAgain(record));
      const next = Math.min(Math.max(pauseMs * 2, FIRST_LOOK_MS), LONGEST_PAUSE_MS);
      if (OPEN.has(record.state)) this.#follow(record, next);
      else this.#onSettled(record.key);
    };
    setTimeout(look, pauseMs);
  }

  async #lookAgain(record) {
    if (record.state === 'refunding') return this.#giveBack(record);
    let found;
    try {
      found = await this.#provider.find(record.key);
      if (found === null && mayResend(record)) found = await this.#provider.charge(orderOf(record));
    } catch {
      return; // nobody knows yet
    }
    if (found !== null && found.status !== record.state) await this.#take(record, found);
  }

  async #take(record, { status, id, amount, decline, actionUrl }) {
    if (!STATUSES.has(status)) return; // an answer that nobody has mapped says nothing: look again
    await this.#save(record, {
      state: status, charge_id: id, amount, decline, action_url: actionUrl,
    });
  }

  // The records ---------------------------------------------------------------------------------

  /** Enter a key that was never seen. `stored` is kept when it is on the disk; wait for it. */
  #enter(key, facts, busy = false) {
    const record = { key, busy, ...facts };
    this.#records.set(key, record);
    record.stored = this.#journal.append({ at: new Date(), key, ...facts });
    return record;
  }

  async #save(record, facts) {
    await this.#journal.append({ at: new Date(), key: record.key, ...facts });
    Object.assign(record, facts);
  }

  #replay({ at: _at, key, ...facts }) {
    if (key === undefined) return; // says only who opened the journal
    const record = this.#records.get(key) ?? { key, busy: false };
    this.#records.set(key, Object.assign(record, facts));
    record.unsure = record.state === 'running'; // we died before its end was written down
  }

  /** At most one thing is done to a record at a time; who comes meanwhile is told "pending". */
  async #alone(record, work) {
    record.busy = true;
    try {
      return await work();
    } finally {
      record.busy = false;
    }
  }
}

function mayResend(record) {
  const since = Date.now() - record.accepted_at;
  return record.state === 'running' && !record.cancel_asked && since < RESEND_WITHIN_MS;
}

/** What the provider is asked for. Nothing here may change between two sends of one key. */
function orderOf({ key, order }) {
  return {
    key,
    amount: order.amount,
    customer: order.payer.customer,
    paymentMethod: order.payer.payment_method,
    description: order.description,
  };
}

/** Answer from the record: [HTTP status, answer]. */
function answerOf({ key, state, busy, charge_id, amount, decline, action_url, message }) {
  const said = { attempt_key: key, charge_id };
  switch (state) {
    case 'succeeded':
    case 'refunding':
    case 'refunded': // money was taken once; that is what was asked
      return [200, { status: 'succeeded', ...said, amount }];
    case 'declined':
      return [200, { status: 'declined', ...said, decline }];
    case 'cancelled':
      return [200, { status: 'declined', ...said, decline: { kind: 'hard', code: 'cancelled' } }];
    case 'rejected':
      if (!busy) return [422, { status: 'rejected', attempt_key: key, message }];
  }
  return [200, { status: 'pending', ...said, action_url, next_poll_seconds: 2 }];
}
