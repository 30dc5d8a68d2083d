/** Who leads, as any of the managers says, and how often that changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagerClient } from './manager-client.ts';

const POLL_MS = 200;

export class LeaderWatch {
  /** Id of the node; empty: nobody has said yet. */
  leaderId = '';
  changes = 0;

  /** Asks one after the other until the signal aborts. */
  async run(managers: readonly ManagerClient[], signal: AbortSignal): Promise<void> {
    const ask = async (manager: ManagerClient) => {
      while (!signal.aborted) {
        // One that can't say is asked again.
        await manager.nodes().then(
          ({ leaderNodeId }) => this.#follow(leaderNodeId),
          () => undefined,
        );
        await sleep(POLL_MS * managers.length);
      }
    };
    await Promise.all(managers.map(ask));
  }

  #follow(leaderId: string): void {
    if (leaderId === '' || leaderId === this.leaderId) return;
    if (this.leaderId !== '') this.changes += 1;
    this.leaderId = leaderId;
  }
}
