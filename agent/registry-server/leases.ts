/**
 * Blobs that were pushed and that no manifest names yet: they stay for some time, for the repository that they were pushed
 * to. In memory alone: what a manifest doesn't name when the agent ends is garbage.
 */
import type { Digest } from '../../proto/ids.ts';

/** Between a blob and the manifest that names it; of slow pushes it is renewed by each look. */
const LEASE_MS = 60 * 60_000;

export class Leases {
  readonly #now: () => number;
  /** By repository; each with when it ends. */
  readonly #repositories = new Map<string, Map<Digest, number>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  take(repository: string, digest: Digest): void {
    const own = this.#repositories.get(repository) ?? new Map<Digest, number>();
    this.#repositories.set(repository, own.set(digest, this.#now() + LEASE_MS));
  }

  has(repository: string, digest: Digest): boolean {
    return (this.#repositories.get(repository)?.get(digest) ?? 0) > this.#now();
  }

  drop(repository: string, digests: readonly Digest[]): void {
    const own = this.#repositories.get(repository);
    for (const digest of digests) own?.delete(digest);
    if (own?.size === 0) this.#repositories.delete(repository);
  }

  /** Drops what has ended; false when there was nothing. */
  expire(): boolean {
    let some = false;
    for (const [repository, own] of this.#repositories) {
      const ended = [...own].filter(([, untilMs]) => untilMs <= this.#now()).map(([digest]) => digest);
      some ||= ended.length > 0;
      this.drop(repository, ended);
    }
    return some;
  }

  blobs(): Iterable<Digest> {
    return [...this.#repositories.values()].flatMap((own) => [...own.keys()]);
  }
}
