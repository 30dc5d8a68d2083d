/** What a manager tells whoever counts, while it works. */
import type { ErrorCode } from '../../proto/errors.ts';
import type { ServingParts } from './phase.ts';

export interface ManagerMetrics {
  /** It waits for the unlock key, until the next of these calls. */
  locked(): void;
  /** It reads its log. */
  opening(): void;
  /** It answers. */
  serving(parts: ServingParts): void;
  /** A task was given a node, so long after it was made. */
  placed(waitedMs: number): void;
  /** A loop could not bring something in line. */
  loopFailed(loop: string, code: ErrorCode): void;
}

const nothing = () => undefined;

/** For managers that nobody watches. */
export const NO_METRICS: ManagerMetrics = {
  locked: nothing,
  opening: nothing,
  serving: nothing,
  placed: nothing,
  loopFailed: nothing,
};
