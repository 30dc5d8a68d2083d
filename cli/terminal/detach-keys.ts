/** Finds Ctrl-P Ctrl-Q in what is typed: the sequence that leaves a container running. */

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

export interface Typed {
  /** What goes to the container. */
  readonly forward: Buffer;
  readonly detached: boolean;
}

/** A Ctrl-P is held back until the key after it is known. */
export class DetachKeys {
  #held: readonly number[] = [];

  feed(input: Uint8Array): Typed {
    const forward: number[] = [];
    for (const byte of input) {
      if (this.#held.length > 0 && byte === CTRL_Q) return { forward: Buffer.from(forward), detached: true };
      forward.push(...this.#held);
      this.#held = byte === CTRL_P ? [byte] : [];
      if (byte !== CTRL_P) forward.push(byte);
    }
    return { forward: Buffer.from(forward), detached: false };
  }
}
