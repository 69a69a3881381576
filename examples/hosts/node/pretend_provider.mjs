// REPLACE THIS FILE by your provider's SDK. Four methods, and nothing else, are asked of it:
//
//   charge(order)         { status, id, amount, decline, actionUrl }, where `status` is
//                         'succeeded', 'declined' or 'pending', `amount` what was really taken
//   find(key)             the same, or null when the provider has no charge under that key
//   cancel(key)           'cancelled' (no money moved, and none can any more) or 'too_late'
//   refund(key, sameKey)  'refunded' or 'pending'; `sameKey` is the provider's idempotency key
//
// `charge` throws ProviderRefused only when it is certain that the provider refused *you* (a wrong
// API key, an unknown customer) and moved no money. Every other throw means: nobody knows. Switch
// the SDK's own retries off, and give it a timeout below the `timeout_seconds` of external-gate.
//
// Give your provider `order.key` as its idempotency key. This pretend one ignores it and takes the
// money twice when it is asked twice, so that a mistake in front of it shows in its books.
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export class ProviderRefused extends Error {}

const declined = (kind, code, message) => ({ state: 'declined', decline: { kind, code, message } });
const CANCELLED = declined('hard', 'cancelled', 'the charge was cancelled').decline;
const NO_SUCH_METHOD = declined('hard', 'unknown_test_method', 'no test method');

// What happens to a charge, by payment method. `lost`: before or after the effect, unanswered.
const SCRIPTS = {
  pm_ok: { state: 'succeeded' },
  pm_decline_soft: declined('soft', 'insufficient_funds', 'not enough money'),
  pm_decline_hard: declined('hard', 'card_lost', 'the card was reported lost'),
  pm_pending: { state: 'pending' },
  pm_pending_then_declined: {
    state: 'pending',
    decline: { kind: 'hard', code: 'bank_debit_failed', message: 'the bank debit failed' },
  },
  pm_action: { state: 'pending', actionUrl: 'https://bank.example/confirm' },
  pm_timeout_charged: { state: 'succeeded', lost: 'after' },
  pm_timeout_not_charged: { state: 'succeeded', lost: 'before' },
  pm_error_500_charged: { state: 'succeeded', error: true },
};

export class PretendProvider {
  #charges = new Map();
  #file;
  #timeoutMs;
  #pendingMs;

  /** `path`: its books, which outlive this process as a real provider's would. */
  constructor({ path, timeoutSeconds, pendingSeconds }) {
    this.#timeoutMs = timeoutSeconds * 1000;
    this.#pendingMs = pendingSeconds * 1000;
    const text = readFileSync(path, { encoding: 'utf8', flag: 'a+' });
    for (const line of text.split('\n').filter(Boolean)) {
      const charge = JSON.parse(line);
      this.#charges.set(charge.key, charge);
    }
    this.#file = openSync(path, 'a', 0o600);
  }

  async charge(order) {
    if (order.paymentMethod === 'pm_misconfigured') {
      throw new ProviderRefused('the API key is wrong');
    }
    const script = SCRIPTS[order.paymentMethod] ?? NO_SUCH_METHOD;
    const known = this.#charges.get(order.key);
    if (known?.state === 'cancelled') return shown(known);
    if (script.lost === 'before' && known === undefined) {
      this.#save({ ...blank(order), state: 'lost' });
      await this.#timeout();
    }
    const charge = { ...blank(order), ...known, state: script.state, decline: script.decline };
    charge.actionUrl = script.actionUrl;
    if (charge.state === 'succeeded') charge.captures += 1;
    this.#save(charge);
    if (script.lost === 'after') await this.#timeout();
    if (script.error) throw new Error('the provider answered 500');
    return shown(charge);
  }

  async find(key) {
    const charge = this.#charges.get(key);
    if (charge === undefined || charge.state === 'lost') return null;
    const isDue = Date.now() - charge.since >= this.#pendingMs && !charge.actionUrl;
    if (charge.state === 'pending' && isDue) {
      charge.state = charge.decline ? 'declined' : 'succeeded';
      if (charge.state === 'succeeded') charge.captures += 1;
      this.#save(charge);
    }
    return shown(charge);
  }

  async cancel(key) {
    const charge = this.#charges.get(key) ?? blank({ key });
    if (charge.state === 'succeeded') return 'too_late';
    this.#save({ ...charge, state: 'cancelled', decline: CANCELLED });
    return 'cancelled';
  }

  async refund(key, _idempotencyKey) {
    const charge = this.#charges.get(key);
    this.#save({ ...charge, refunds: charge.refunds + 1 });
    return 'refunded';
  }

  /** For certification only: one entry for every time that money was taken. */
  books() {
    return [...this.#charges.values()].flatMap(({ key, id, amount, captures, refunds }) =>
      Array.from({ length: captures }, (_, nth) => ({
        attempt_key: key, charge_id: id, ...amount, refunds: nth === 0 ? refunds : 0,
      })),
    );
  }

  close() {
    closeSync(this.#file);
  }

  async #timeout() {
    await sleep(this.#timeoutMs);
    throw new Error('the provider did not answer in time');
  }

  #save(charge) {
    this.#charges.set(charge.key, charge);
    writeSync(this.#file, `${JSON.stringify(charge)}\n`);
    fdatasyncSync(this.#file);
  }
}

function blank({ key, amount }) {
  return { key, id: `ch_${key}`, amount, captures: 0, refunds: 0, since: Date.now() };
}

function shown({ state, id, amount, decline, actionUrl }) {
  const status = state === 'cancelled' ? 'declined' : state;
  return { status, id, amount, decline: status === 'declined' ? decline : undefined, actionUrl };
}
