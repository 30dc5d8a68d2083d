/** The key that opens a locked manager, as users see and keep it: GNTKEY-1- and 32 bytes in base64. */
import { GantryError } from '../../proto/errors.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { KEY_BYTES } from './cipher.ts';

const PREFIX = 'GNTKEY-1-';
/** Base64 without padding: 43 characters for 32 bytes. */
const PATTERN = /^GNTKEY-1-[A-Za-z0-9+/]{43}$/;

export function newUnlockKey(random: RandomBytes): Buffer {
  return random(KEY_BYTES);
}

export function formatUnlockKey(key: Uint8Array): string {
  return `${PREFIX}${Buffer.from(key).toString('base64').replace(/=+$/, '')}`;
}

/** INVALID_ARGUMENT when the text isn't of this form. What was typed isn't repeated: it may be nearly the key. */
export function parseUnlockKey(text: string): Buffer {
  if (!PATTERN.test(text.trim())) {
    throw new GantryError('INVALID_ARGUMENT', 'this is no unlock key', {
      hint: `a key begins with ${PREFIX}; "gantry cluster unlock-key" shows it on a manager that is not locked`,
    });
  }
  return Buffer.from(text.trim().slice(PREFIX.length), 'base64');
}
