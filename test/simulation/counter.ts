/**
 * The state machine that the simulated log is applied to: counts the writes of all clients, each once, however often
 * its entry was doubled on the way (clients number their writes; section 6.3 of Ongaro's thesis). As each write gets a
 * version of its own, the order of operations is known and a history is checked in one pass.
 */
import type { ClientId, WriteId } from './operation.ts';
import { decodeWrite } from './operation.ts';

/** A client's last write, and the version that it made. */
interface Session {
  readonly sequence: number;
  readonly version: number;
}

const HEADER_BYTES = 12;
const SESSION_BYTES = 12;

export class Counter {
  #version = 0;
  #hash = 0;
  #sessions = new Map<ClientId, Session>();

  /** Writes so far: what a read returns. */
  get version(): number {
    return this.#version;
  }

  /** Of all that was ever applied, in its order. */
  get hash(): number {
    return this.#hash;
  }

  apply(index: number, data: Uint8Array): void {
    this.#hash = mix(this.#hash, index);
    if (data.byteLength === 0) return;
    const { client, sequence } = decodeWrite(data);
    this.#hash = mix(mix(this.#hash, client), sequence);
    if (sequence <= (this.#sessions.get(client)?.sequence ?? 0)) return;
    this.#version += 1;
    this.#sessions.set(client, { sequence, version: this.#version });
  }

  /** The version that the write has made; undefined when it hasn't been applied, or isn't its client's last. */
  versionOf({ client, sequence }: WriteId): number | undefined {
    const session = this.#sessions.get(client);
    return session?.sequence === sequence ? session.version : undefined;
  }

  /** The same bytes for the same state. */
  snapshot(): Uint8Array {
    const sessions = [...this.#sessions].sort(([one], [other]) => one - other);
    const bytes = new DataView(new ArrayBuffer(HEADER_BYTES + SESSION_BYTES * sessions.length));
    bytes.setUint32(0, this.#version);
    bytes.setInt32(4, this.#hash);
    bytes.setUint32(8, sessions.length);
    for (const [position, [client, { sequence, version }]] of sessions.entries()) {
      const at = HEADER_BYTES + SESSION_BYTES * position;
      bytes.setUint32(at, client);
      bytes.setUint32(at + 4, sequence);
      bytes.setUint32(at + 8, version);
    }
    return new Uint8Array(bytes.buffer);
  }

  restore(snapshot: Uint8Array): void {
    const bytes = new DataView(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
    this.#version = bytes.getUint32(0);
    this.#hash = bytes.getInt32(4);
    this.#sessions = new Map();
    for (let at = HEADER_BYTES; at < snapshot.byteLength; at += SESSION_BYTES) {
      this.#sessions.set(bytes.getUint32(at), { sequence: bytes.getUint32(at + 4), version: bytes.getUint32(at + 8) });
    }
  }
}

/** One step of a 32-bit hash, with the multiplications of MurmurHash3's finalizer. */
export function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value ^ 0x9e3779b9, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
