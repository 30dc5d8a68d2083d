import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from './encryption.testing.ts';
import { type KeyStore, openKeys } from './key-store.ts';
import { formatUnlockKey, newUnlockKey, parseUnlockKey } from './unlock-key.ts';

const random = seededRandom('key store');
const content = Buffer.from('a secret');
const [oldKey, newKey] = [newUnlockKey(random), newUnlockKey(random)];

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-keys-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const path = () => join(dir, 'keys.json');
const fileText = () => readFileSync(path(), 'utf8');
const keysInFile = () => (JSON.parse(fileText()) as { dataKeys: unknown[] }).dataKeys.length;

function open(unlockKey?: Uint8Array): KeyStore {
  const opened = openKeys(dir, random);
  if (opened.state === 'unlocked') return opened.keys;
  if (unlockKey === undefined) throw new Error('locked');
  return opened.unlock(unlockKey);
}

describe('openKeys without autolock', () => {
  it("reads after a restart what was sealed before, from a file that is nobody else's", () => {
    const record = open().sealer.seal('one', content);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(open().sealer.unseal('one', record)).toEqual(content);
  });

  it('keeps as many keys as there are records that need them', () => {
    const records = [1, 2, 3].map((number) => open().sealer.seal(`record ${number}`, content));
    expect(keysInFile()).toBe(3);
    const keys = open();
    expect(keys.sealer.unseal('record 3', records[2] ?? content)).toEqual(content);
    keys.forgetUnused();
    keys.sealer.seal('record 4', content);
    expect(keysInFile()).toBe(2);
  });

  it('refuses a file that was damaged, or is of a later version', () => {
    open().sealer.seal('one', content);
    const text = fileText();
    writeFileSync(path(), text.slice(0, -20));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    writeFileSync(
      path(),
      text.replace(/"sealed": "A?/, (found) => `${found}A`),
    );
    expect(() => open()).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    writeFileSync(path(), text.replace('"format": 1', '"format": 7'));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});

describe('with autolock', () => {
  it('opens with the unlock key only, which is nowhere in the file', () => {
    const keys = open();
    const before = keys.sealer.seal('before', content);
    keys.follow({ version: 1, unlockKey: oldKey });
    const after = keys.sealer.seal('after', content);
    expect(after.readUInt32BE()).not.toBe(before.readUInt32BE());
    expect(fileText()).not.toContain(oldKey.toString('base64'));
    expect(openKeys(dir, random).state).toBe('locked');
    expect(() => open(newKey)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    const again = open(oldKey);
    expect(again.sealer.unseal('before', before)).toEqual(content);
    expect(again.sealer.unseal('after', after)).toEqual(content);
    expect(again.lock).toEqual({ version: 1, unlockKey: oldKey });
  });

  it('follows the cluster to a new key, and never back to an older one', () => {
    const keys = open();
    keys.follow({ version: 1, unlockKey: oldKey });
    const record = keys.sealer.seal('one', content);
    keys.follow({ version: 2, unlockKey: newKey });
    // What a manager sees that reads its log again from the snapshot on.
    const restarted = open(newKey);
    restarted.follow({ version: 1, unlockKey: oldKey });
    expect(() => open(oldKey)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(open(newKey).sealer.unseal('one', record)).toEqual(content);
  });

  it('does nothing when it is told the same again', () => {
    const keys = open();
    keys.follow({ version: 1, unlockKey: oldKey });
    const text = fileText();
    keys.follow({ version: 1, unlockKey: oldKey });
    expect(fileText()).toBe(text);
  });

  it('opens by itself again when autolock was turned off', () => {
    const keys = open();
    keys.follow({ version: 1, unlockKey: oldKey });
    const record = keys.sealer.seal('one', content);
    keys.follow({ version: 2, unlockKey: undefined });
    expect(open().sealer.unseal('one', record)).toEqual(content);
  });
});

describe('an unlock key', () => {
  it('is a text that gives it back', () => {
    expect(formatUnlockKey(oldKey)).toMatch(/^GNTKEY-1-[A-Za-z0-9+/]{43}$/);
    expect(parseUnlockKey(` ${formatUnlockKey(oldKey)}\n`)).toEqual(oldKey);
  });

  it.each(['', 'GNTKEY-1-', 'SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8', 'GNTKEY-1-abc'])(
    'is not "%s"',
    (text) => {
      expect(() => parseUnlockKey(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
