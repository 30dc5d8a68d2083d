/** This node's manager, as long as the node is one. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManagerSupervisor } from './manager-supervisor.ts';

export interface ManagerRoleOptions {
  readonly dataRoot: string;
  readonly makeSupervisor: () => ManagerSupervisor;
}

export class ManagerRole {
  readonly #options: ManagerRoleOptions;
  #running: { readonly supervisor: ManagerSupervisor; readonly end: () => Promise<void> } | undefined;

  constructor(options: ManagerRoleOptions) {
    this.#options = options;
  }

  /** How often the manager has ended by itself, and how it last did. */
  get failures(): { readonly exits: number; readonly lastExit: string } {
    const { exits, lastExit } = this.#running?.supervisor ?? { exits: 0, lastExit: '' };
    return { exits, lastExit };
  }

  /** Idempotent. */
  start(): void {
    if (this.#running !== undefined) return;
    const supervisor = this.#options.makeSupervisor();
    const over = new AbortController();
    const run = supervisor.run(over.signal);
    const end = () => {
      over.abort();
      return run;
    };
    this.#running = { supervisor, end };
  }

  /** The process ends, its state stays. Idempotent. */
  async stop(): Promise<void> {
    await this.#running?.end();
    this.#running = undefined;
  }

  /** Of a node that is no manager any more: what it knew of the cluster goes, secrets and keys too. */
  async forget(): Promise<void> {
    await rm(managerDir(this.#options.dataRoot), { recursive: true, force: true });
  }
}

/** The manager's log; removed when the node leaves its cluster, or is a worker from then on. */
export function managerDir(dataRoot: string): string {
  return join(dataRoot, 'manager');
}
