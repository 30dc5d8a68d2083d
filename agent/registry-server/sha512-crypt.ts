/**
 * Passwords as crypt(3) has them with "$6$": SHA-512 in many rounds, by Ulrich Drepper's specification "Unix crypt using
 * SHA-256 and SHA-512". `openssl passwd -6` makes them. Pure.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const DEFAULT_ROUNDS = 5000;
const LEAST_ROUNDS = 1000;
/** More would be an attack on ourselves; the specification has 999,999,999. */
export const MOST_ROUNDS = 1_000_000;
const LONGEST_SALT = 16;
const HASH_BYTES = 64;
const ENTRY = /^\$6\$(?:rounds=(?<rounds>\d{1,9})\$)?(?<salt>[^$:\n]{0,16})\$(?<hash>[./0-9A-Za-z]{86})$/;

export function isSha512Crypt(entry: string): boolean {
  const { rounds = '' } = ENTRY.exec(entry)?.groups ?? {};
  return ENTRY.test(entry) && Number(rounds) <= MOST_ROUNDS;
}

export function matchesSha512Crypt(password: string, entry: string): boolean {
  const { rounds, salt = '', hash = '' } = ENTRY.exec(entry)?.groups ?? {};
  const asked = rounds === undefined ? DEFAULT_ROUNDS : Number(rounds);
  const computed = Buffer.from(sha512Crypt(Buffer.from(password), Buffer.from(salt), Math.max(LEAST_ROUNDS, asked)));
  const expected = Buffer.from(hash);
  return expected.length === computed.length && timingSafeEqual(computed, expected);
}

function sha512Crypt(password: Buffer, longSalt: Buffer, rounds: number): string {
  const salt = longSalt.subarray(0, LONGEST_SALT);
  let digest = firstDigest(password, salt);
  const p = repeated(sha512(...Array.from({ length: password.length }, () => password)), password.length);
  const s = repeated(sha512(...Array.from({ length: 16 + (digest[0] ?? 0) }, () => salt)), salt.length);
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1;
    const parts = [isOdd ? p : digest];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(isOdd ? digest : p);
    digest = sha512(...parts);
  }
  return encode(digest);
}

/** Steps 1 to 12. */
function firstDigest(password: Buffer, salt: Buffer): Buffer {
  const alternate = sha512(password, salt, password);
  const parts = [password, salt, repeated(alternate, password.length)];
  for (let length = password.length; length > 0; length >>= 1) parts.push(length % 2 === 1 ? alternate : password);
  return sha512(...parts);
}

function sha512(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** In groups of three bytes, 21 apart, that change places from group to group; the last byte alone. */
function encode(digest: Buffer): string {
  let text = '';
  let [a, b, c] = [0, 21, 42];
  for (let group = 0; group < 21; group++) {
    text += characters(((digest[a] ?? 0) << 16) | ((digest[b] ?? 0) << 8) | (digest[c] ?? 0), 4);
    [a, b, c] = [b + 1, c + 1, a + 1];
  }
  return text + characters(digest[HASH_BYTES - 1] ?? 0, 2);
}

function characters(value: number, count: number): string {
  return Array.from({ length: count }, (_, index) => ALPHABET[(value >> (6 * index)) & 63]).join('');
}
