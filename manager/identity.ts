/** This manager's identity as it is now: made by itself on the first manager, renewed by its agent from then on. */
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import type { Logger } from 'pino';
import { loadIdentity, saveIdentity } from '../proto/identity-files.ts';
import type { NodeIdentity } from '../proto/tls.ts';

export type IdentityListener = (identity: NodeIdentity) => void;

export class LiveIdentity {
  readonly #dir: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<IdentityListener>();
  #current: NodeIdentity | undefined;
  #watcher: FSWatcher | undefined;

  /** Throws CORRUPT when there is an identity that can't be used. */
  constructor(dir: string, logger: Logger) {
    this.#dir = dir;
    this.#logger = logger;
    this.#current = loadIdentity(dir);
  }

  /** Undefined on a first manager that hasn't made the CA yet. Whoever opens a connection asks anew. */
  get current(): NodeIdentity | undefined {
    return this.#current;
  }

  /** Returns the unsubscribe function. */
  onChange(listener: IdentityListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps it on disk first. */
  async replace(identity: NodeIdentity): Promise<void> {
    await saveIdentity(this.#dir, identity);
    this.#reload();
  }

  /** From now on the agent's renewals are noticed. */
  watch(): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#watcher = watch(this.#dir, { persistent: false }, () => this.#reload());
    this.#watcher.on('error', (error) => this.#logger.error({ err: error }, 'cannot watch the identity for renewals'));
    this.#reload();
  }

  close(): void {
    this.#watcher?.close();
    this.#listeners.clear();
  }

  #reload(): void {
    const identity = this.#load();
    if (identity === undefined || sameIdentity(identity, this.#current)) return;
    this.#current = identity;
    for (const listener of [...this.#listeners]) listener(identity);
  }

  /** What can't be read is no reason to give up what is in use. */
  #load(): NodeIdentity | undefined {
    try {
      return loadIdentity(this.#dir);
    } catch (error) {
      this.#logger.error({ err: error }, 'cannot read the renewed identity');
      return undefined;
    }
  }
}

function sameIdentity(a: NodeIdentity, b: NodeIdentity | undefined): boolean {
  return a.certPem === b?.certPem && a.caPem === b.caPem && a.keyPem === b.keyPem;
}
