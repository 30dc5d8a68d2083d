/** Finds in what is typed the keys that leave a container running: Ctrl-P Ctrl-Q, or those of --detach-keys. */
import { invalidFlag } from '../command-line.ts';

export const DEFAULT_DETACH_KEYS: readonly number[] = [0x10, 0x11];

/** ASCII's control characters from 0 on are Ctrl and these. */
const CONTROLS = '@abcdefghijklmnopqrstuvwxyz[\\]^_';
const DELETE = 0x7f;

/** "ctrl-a,x": keys with commas between them, each a character, ctrl-CHARACTER or DEL. Empty: the default. */
export function parseDetachKeys(text: string): readonly number[] {
  return text === '' ? DEFAULT_DETACH_KEYS : text.split(',').map((key) => keyCode(key, text));
}

function keyCode(key: string, text: string): number {
  if (/^[ -~]$/.test(key)) return key.charCodeAt(0);
  if (key === 'DEL') return DELETE;
  const control = key.startsWith('ctrl-') && key.length === 6 ? CONTROLS.indexOf(key.slice(5)) : -1;
  if (control >= 0) return control;
  throw invalidFlag(
    '--detach-keys',
    text,
    'write keys such as ctrl-a,d: characters, or ctrl- and one of a-z @ [ \\ ] ^ _',
  );
}

export interface Typed {
  /** What goes to the container. */
  readonly forward: Buffer;
  readonly detached: boolean;
}

/** Keys that may be the beginning of the sequence are held back until the next is known. */
export class DetachKeys {
  readonly #sequence: readonly number[];
  #held: readonly number[] = [];

  constructor(sequence: readonly number[] = DEFAULT_DETACH_KEYS) {
    this.#sequence = sequence;
  }

  feed(input: Uint8Array): Typed {
    const forward: number[] = [];
    for (const byte of input) {
      this.#held = [...this.#held, byte];
      while (!this.#isBeginning()) {
        const [first, ...rest] = this.#held;
        if (first !== undefined) forward.push(first);
        this.#held = rest;
      }
      if (this.#held.length === this.#sequence.length) return { forward: Buffer.from(forward), detached: true };
    }
    return { forward: Buffer.from(forward), detached: false };
  }

  #isBeginning(): boolean {
    return this.#held.every((byte, index) => byte === this.#sequence[index]);
  }
}
