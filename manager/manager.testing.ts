/** A whole manager in this process, on an in-memory log that outlives it. For tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { connectClient } from '../proto/client.ts';
import { ControlClient } from '../proto/generated/gantry/v1/control.ts';
import { systemClock } from './clock.ts';
import { healthOf } from './health.ts';
import { LeadershipRunner } from './leadership.ts';
import { serve } from './server.ts';
import { MemoryLog } from './store/memory-log.testing.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';

export interface RunningManager {
  readonly store: Store;
  readonly client: ControlClient;
  stop(): Promise<void>;
}

export class ManagerHost {
  readonly nodeId = 'node1';
  readonly entries: Uint8Array[] = [];
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<ManagerHost> {
    return new ManagerHost(await mkdtemp(join(tmpdir(), 'gantry-manager-test-')));
  }

  get socketPath(): string {
    return join(this.dir, 'manager.sock');
  }

  async start(heartbeatPeriodMs = 100): Promise<RunningManager> {
    const logger = pino({ level: process.env.GANTRY_TEST_LOG ?? 'silent' }, pino.destination(2));
    const state = new StoreState(logger);
    const log = new MemoryLog(this.nodeId, state, this.entries);
    const store = new Store(state, log, systemClock);
    const leadership = new LeadershipRunner({
      store,
      log,
      logger,
      heartbeatPeriodMs,
      nodeDownGraceMs: 100,
      nodeId: this.nodeId,
      clock: systemClock,
      random: randomBytes,
    });
    const server = await serve(this.socketPath, leadership, () => healthOf(log));
    const over = new AbortController();
    const running = leadership.run(over.signal);
    const client = connectClient(ControlClient, { kind: 'unix', path: this.socketPath });
    const stop = async () => {
      client.close();
      over.abort();
      await running;
      await server.close();
      await log.close();
    };
    return { store, client, stop };
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
