/** The seam behind which each log driver is. All pass log-sinks.test.ts. */

import type { CriRecord } from '../cri-record.ts';

export interface LogSink {
  /**
   * Resolves when the receiver has them, or the kernel on their way there. Rejects when that can't be: the same may be sent again
   * then, as a whole. Calls don't overlap.
   */
  send(records: readonly CriRecord[], signal: AbortSignal): Promise<void>;
  close(): void;
}
