// Signing and verifying by the Standard Webhooks scheme, symmetric (v1).
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import { createHmac, timingSafeEqual } from 'node:crypto';

// How far a timestamp may lie from our clock; what the specification recommends.
const TOLERANCE_SECONDS = 300;

/** Give the three headers that go with `body`. */
export function sign(secret, id, body, seconds = Math.floor(Date.now() / 1000)) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signature(secret, id, String(seconds), body),
  };
}

/** Tell whether one of `secrets` signed `body`, and lately. */
export function isSigned(secrets, headers, body) {
  const id = headers['webhook-id'] ?? '';
  const seconds = headers['webhook-timestamp'] ?? '';
  // A full stop in the id would let bytes move between id and timestamp under one signature.
  if (id === '' || id.includes('.') || !/^[0-9]{1,11}$/.test(seconds)) return false;
  if (Math.abs(Date.now() / 1000 - Number(seconds)) > TOLERANCE_SECONDS) return false;
  const given = (headers['webhook-signature'] ?? '').split(' ');
  return secrets.some((secret) => {
    const expected = signature(secret, id, seconds, body);
    return given.some((one) => isSame(one, expected));
  });
}

/** Throw when `secret` is none, so that a wrong one stops the start and not the first charge. */
export function checkSecret(secret) {
  const text = secret.replace(/^whsec_/, '').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]+$/.test(text)) throw new Error('a secret is whsec_ and base64');
}

function signature(secret, id, seconds, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body);
  return `v1,${signed.digest('base64')}`;
}

function isSame(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
