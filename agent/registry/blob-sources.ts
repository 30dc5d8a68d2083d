/** Whom to ask for a blob: one after the other, and a node that is just bringing it itself again after a moment. */
import { isDiskFull, toGantryError } from '../../proto/errors.ts';
import { RegistryRefusal } from './refusal.ts';
import type { RetryClock } from './retry.ts';

/** A node that brings it says so each time; one that doesn't come further is given up. */
const MOST_LOOKS = 600;
/** A node that has begun an image may not know its blobs yet. */
const MOST_LOOKS_IN_VAIN = 4;

interface BlobSource {
  /** It has begun to get the image: a blob that it lacks is on its way. */
  readonly isBringing: boolean;
}

export class BlobSources<Source extends BlobSource> {
  readonly #repositories: readonly Source[];
  readonly #clock: RetryClock;
  #current = 0;

  constructor(repositories: readonly Source[], clock: RetryClock) {
    this.#repositories = repositories;
    this.#clock = clock;
  }

  /** Calls `receive` with one after the other until it succeeds. One that has failed isn't asked again, but for the last. */
  async each(receive: (repository: Source) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { length } = this.#repositories;
    for (; this.#current < length - 1; this.#current++) {
      if (await this.#succeeds(this.#repositories[this.#current], receive, signal)) return;
    }
    const last = this.#repositories[length - 1];
    if (last !== undefined) await receive(last);
  }

  async #succeeds(
    repository: Source | undefined,
    receive: (repository: Source) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (repository === undefined) return false;
    for (let looks = 1; ; looks++) {
      try {
        await receive(repository);
        return true;
      } catch (error) {
        // What is wrong must not be added to.
        if (signal.aborted || isDiskFull(error) || toGantryError(error).code === 'CORRUPT') throw error;
        // What is said to have all of it is not waited for: it may have lost it, and be waiting for this node.
        const pauseMs = repository.isBringing ? pauseBefore(error, looks) : undefined;
        if (pauseMs === undefined) return false;
        await this.#clock.sleep(pauseMs, signal);
      }
    }
  }
}

/** Undefined where there is nothing to wait for. */
function pauseBefore(error: unknown, looks: number): number | undefined {
  if (!(error instanceof RegistryRefusal)) return undefined;
  const most = error.status === 503 ? MOST_LOOKS : error.status === 404 ? MOST_LOOKS_IN_VAIN : 0;
  return looks < most ? error.retryAfterMs : undefined;
}
