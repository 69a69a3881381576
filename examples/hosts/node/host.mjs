// A gateway for external-gate in Node.js ≥ 18, without any package. See README.md beside this file.
//
//   node host.mjs --journal charges.journal --secret whsec_… --port 8099
//
// This file is the door (addresses, signatures, shapes), charges.mjs the host's duty, journal.mjs
// makes it durable, pretend_provider.mjs is the part that you replace.
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Charges } from './charges.mjs';
import { PretendProvider } from './pretend_provider.mjs';
import { checkSecret, isSigned, sign } from './standard_webhooks.mjs';

const BODY_LIMIT_BYTES = 65_536; // an order has about one kilobyte
const KEY = '[A-Za-z0-9]{1,255}'; // external-gate's keys have 20 letters and digits
const CHARGE_PATH = new RegExp(`^/charges/(${KEY})(/cancel|/refund)?$`);

// How often external-gate is told that a charge has settled. It also asks by itself: a notification
// only makes it ask sooner, so a lost one costs time and nothing else.
const NOTIFY_TRIES = 5;

const { values: options } = parseArgs({ // an unknown option is an error
  options: {
    journal: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8099' }, // 0 takes a free one
    secret: { type: 'string', multiple: true, default: [] }, // the first signs; all are accepted
    'notify-url': { type: 'string', default: '' },
    books: { type: 'boolean', default: false },
    'pending-seconds': { type: 'string', default: '60' },
    'provider-timeout': { type: 'string', default: '1' },
  },
});

// Arguments can be read by every user of a machine: in production, name the secret here.
const secrets = [...options.secret, ...(process.env.HOST_SECRET ?? '').split(' ')].filter(Boolean);

function check() {
  if (!options.journal) throw new Error('--journal FILE is missing');
  if (options['notify-url'] && secrets.length === 0) throw new Error('--notify-url needs --secret');
  secrets.forEach(checkSecret);
}

// The door --------------------------------------------------------------------------------------

async function answer(request, body) {
  const path = request.url.split('?')[0];
  if (options.books && path === '/_books') return [200, provider.books()];
  if (secrets.length > 0 && !isSigned(secrets, request.headers, body)) {
    return rejected(401, 'the signature is missing, wrong or too old');
  }
  if (path === '/charges' && request.method === 'POST') return charge(request, body);
  const [, key, action] = CHARGE_PATH.exec(path) ?? [];
  if (key && !action && request.method === 'GET') return charges.look(key);
  if (action === '/cancel' && request.method === 'POST') return [200, await charges.cancel(key)];
  if (action === '/refund' && request.method === 'POST') return [200, await charges.refund(key)];
  return [404, { status: 'not_found' }]; // not "never_seen": that is said of a key only
}

async function charge(request, body) {
  let order;
  try {
    order = JSON.parse(body.toString('utf8'));
  } catch {
    return rejected(400, 'the body is not JSON');
  }
  const wrong = faultOf(order, request.headers['idempotency-key']);
  if (wrong) return rejected(422, wrong);
  return charges.charge(order, createHash('sha256').update(body).digest('hex'));
}

/** Say what is wrong with an order, before its key is taken. Further fields are no fault. */
function faultOf(order, idempotencyKey) {
  const { attempt_key: key, amount, payer } = order ?? {};
  if (typeof key !== 'string' || !new RegExp(`^${KEY}$`).test(key)) return 'attempt_key is none';
  if (idempotencyKey !== key) return 'Idempotency-Key is not attempt_key';
  if (!Number.isSafeInteger(amount?.minor) || amount.minor <= 0) return 'amount.minor is none';
  if (!/^[A-Z]{3}$/.test(amount.currency ?? '')) return 'amount.currency is none';
  if (typeof payer?.customer !== 'string' || payer.customer === '') return 'payer.customer is none';
  if (typeof payer.payment_method !== 'string') return 'payer.payment_method is none';
  return '';
}

// `rejected` promises: nothing was charged, and nothing will be because of this request.
function rejected(status, message) {
  return [status, { status: 'rejected', message }];
}

async function read(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_LIMIT_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function serve(request, response) {
  let [status, said] = [500, { status: 'error' }]; // to external-gate: nobody knows
  try {
    const body = await read(request);
    [status, said] = body ? await answer(request, body) : [413, { status: 'too_large' }];
  } catch (error) {
    console.error(error);
  }
  const bytes = Buffer.from(JSON.stringify(said));
  const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
  if (!server.listening) headers.connection = 'close'; // we are stopping
  response.writeHead(status, headers).end(bytes);
}

// "Look again" ----------------------------------------------------------------------------------

/** Tell external-gate that the charge has settled. The body says no more: it will ask. */
async function notify(key) {
  if (!options['notify-url']) return;
  const body = JSON.stringify({ attempt_key: key });
  const id = `note_${randomUUID()}`; // one id for all tries, a new timestamp for each
  for (let tries = 1; tries <= NOTIFY_TRIES; tries += 1) {
    try {
      const headers = { 'content-type': 'application/json', ...sign(secrets[0], id, body) };
      const signal = AbortSignal.timeout(10_000);
      const got = await fetch(options['notify-url'], { method: 'POST', headers, body, signal });
      if (got.ok) return;
    } catch {
      // not there, or too slow: once more
    }
    await sleep(500 * 2 ** tries);
  }
  console.error(`external-gate could not be told about ${key}; it will ask by itself`);
}

// Start and end ---------------------------------------------------------------------------------

try {
  check();
} catch (error) {
  console.error(`cannot start: ${error.message}`);
  process.exit(2);
}
const provider = new PretendProvider({
  path: `${options.journal}.provider`,
  timeoutSeconds: Number(options['provider-timeout']),
  pendingSeconds: Number(options['pending-seconds']),
});
const charges = await Charges.open({ path: options.journal, provider, onSettled: notify });
const server = createServer(serve);
// Longer than clients keep an idle connection: one that closes under a request costs a repeat.
server.keepAliveTimeout = 75_000;
server.listen(Number(options.port), options.host, () => {
  const { port } = server.address();
  const url = `http://${options.host}:${port}/charges`;
  console.log(JSON.stringify({ listening: url, port }));
});

// Finish what was begun; whatever is cut off all the same is found again from the journal.
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections?.();
});
