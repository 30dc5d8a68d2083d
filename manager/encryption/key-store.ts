/**
 * The keys of one manager's log. Data keys seal the records; a key encryption key (KEK) seals the data keys in
 * keys.json. Without autolock the KEK lies in the same file, and who is root on the host can read all (as in Swarm);
 * with autolock it is the cluster's unlock key, which only the users keep, and the manager starts locked.
 */
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { cipherKey, decrypt, encrypt, KEY_BYTES } from './cipher.ts';
import { type DataKey, DataKeys } from './data-keys.ts';
import { type KeyFile, readKeyFile, writeKeyFile } from './key-file.ts';

/** How the cluster wants its managers' keys kept. */
export interface ClusterLock {
  /** Grows with each change: a manager that is behind doesn't go back to an older unlock key. */
  readonly version: number;
  /** Undefined: no autolock. */
  readonly unlockKey: Uint8Array | undefined;
}

export type OpenedKeys =
  | { readonly state: 'unlocked'; readonly keys: KeyStore }
  /** `unlock` throws INVALID_ARGUMENT when the key is another. */
  | { readonly state: 'locked'; readonly unlock: (unlockKey: Uint8Array) => KeyStore };

/** Of the log in `dir`, which the caller has locked. A log without keys gets them with its first record. CORRUPT, UNSUPPORTED. */
export function openKeys(dir: string, random: RandomBytes): OpenedKeys {
  const path = join(dir, 'keys.json');
  const file = readKeyFile(path);
  if (file === undefined) {
    const lock = { version: 0, unlockKey: undefined };
    return { state: 'unlocked', keys: new KeyStore({ path, random, lock, kek: random(KEY_BYTES), dataKeys: [] }) };
  }
  const open = (kek: Uint8Array, lock: ClusterLock) =>
    new KeyStore({ path, random, lock, kek, dataKeys: openDataKeys(file, kek, path) });
  const { keyEncryptionKey, lockVersion: version } = file;
  if (keyEncryptionKey === undefined) {
    return { state: 'locked', unlock: (unlockKey) => open(unlockKey, { version, unlockKey }) };
  }
  return { state: 'unlocked', keys: open(keyEncryptionKey, { version, unlockKey: undefined }) };
}

interface KeyStoreState {
  readonly path: string;
  readonly random: RandomBytes;
  readonly lock: ClusterLock;
  readonly kek: Uint8Array;
  readonly dataKeys: readonly DataKey[];
}

export class KeyStore {
  #state: KeyStoreState;
  readonly #sealer: DataKeys;

  constructor(state: KeyStoreState) {
    this.#state = state;
    this.#sealer = new DataKeys({ keys: state.dataKeys, nextKey: () => this.#addKey(this.#state) });
  }

  get sealer(): DataKeys {
    return this.#sealer;
  }

  get lock(): ClusterLock {
    return this.#state.lock;
  }

  /**
   * Keeps the keys as the cluster wants it; idempotent. Returns whether there was something to do. The records to come are under a new key: who has an old copy of
   * keys.json and the old unlock key reads nothing new. Old records stay readable until they are compacted.
   */
  follow(lock: ClusterLock): boolean {
    if (lock.version <= this.#state.lock.version) return false;
    const kek = lock.unlockKey ?? this.#state.random(KEY_BYTES);
    this.#sealer.use(this.#addKey({ ...this.#state, lock, kek }));
    return true;
  }

  /** Call when all that the log keeps has been unsealed once: keys that weren't needed for it go. */
  forgetUnused(): void {
    const { usedIds } = this.#sealer;
    const dataKeys = this.#state.dataKeys.filter(({ id }) => usedIds.has(id));
    // Written with the next key.
    this.#state = { ...this.#state, dataKeys };
  }

  /** Adopts `state` with one key more, on disk first. */
  #addKey(state: KeyStoreState): DataKey {
    const key = { id: freeId(state), bytes: state.random(KEY_BYTES) };
    const next = { ...state, dataKeys: [...state.dataKeys, key] };
    writeKeyFile(next.path, sealKeys(next));
    this.#state = next;
    return key;
  }
}

/** Random, so that a key file that was lost and one made in its stead don't pass for each other. */
function freeId({ random, dataKeys }: KeyStoreState): number {
  for (;;) {
    const id = random(4).readUInt32BE();
    if (dataKeys.every((key) => key.id !== id)) return id;
  }
}

function sealKeys({ lock, kek, dataKeys }: KeyStoreState): KeyFile {
  const key = cipherKey(kek);
  return {
    keyEncryptionKey: lock.unlockKey === undefined ? kek : undefined,
    lockVersion: lock.version,
    dataKeys: dataKeys.map(({ id, bytes }) => ({ id, sealed: encrypt(key, keyName(id), bytes) })),
  };
}

function openDataKeys(file: KeyFile, kek: Uint8Array, path: string): DataKey[] {
  const key = cipherKey(kek);
  return file.dataKeys.map(({ id, sealed }) => {
    const bytes = decrypt(key, keyName(id), sealed);
    if (bytes === undefined) throw cannotOpen(file, path);
    return { id, bytes };
  });
}

function cannotOpen({ keyEncryptionKey }: KeyFile, path: string): GantryError {
  if (keyEncryptionKey === undefined) {
    return new GantryError(
      'INVALID_ARGUMENT',
      'cannot unlock this manager: the key is not the one it was locked with',
      {
        hint: 'was the key rotated while this manager was down? then it still wants the one before',
      },
    );
  }
  return new GantryError('CORRUPT', `the keys in ${path} are damaged`, {
    hint: 'restore the manager directory from a copy; without its keys the log cannot be read either',
  });
}

function keyName(id: number): string {
  return `data key ${id}`;
}
