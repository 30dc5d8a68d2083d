/**
 * Which nodes are in the cluster, as its managers said last: a node that was removed has a good certificate for a while.
 * Where they can't be asked a node is what it was, and one that is yet unknown is believed: it has been in the cluster, and
 * nodes take images from each other when there is no manager, too.
 */
import type { Logger } from 'pino';
import { toGantryError } from '../../proto/errors.ts';

/** One that is removed is refused after so long; those that take an image ask for many blobs. */
const FRESH_MS = 5_000;
const MOST_KNOWN = 10_000;

interface Known {
  readonly isMember: boolean;
  readonly askedAtMs: number;
}

export class Members {
  readonly #ask: (nodeId: string) => Promise<boolean>;
  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #known = new Map<string, Known>();

  constructor(ask: (nodeId: string) => Promise<boolean>, now: () => number, logger: Logger) {
    this.#ask = ask;
    this.#now = now;
    this.#logger = logger;
  }

  async has(nodeId: string): Promise<boolean> {
    const known = this.#known.get(nodeId);
    if (known !== undefined && this.#now() - known.askedAtMs < FRESH_MS) return known.isMember;
    try {
      const isMember = await this.#ask(nodeId);
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(nodeId, { isMember, askedAtMs: this.#now() });
      return isMember;
    } catch (error) {
      this.#logger.debug(
        { err: toGantryError(error), node: nodeId },
        'no manager says whether a node is in the cluster',
      );
      return known?.isMember ?? true;
    }
  }
}
