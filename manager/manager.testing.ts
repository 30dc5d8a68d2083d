/** A whole manager in this process, on an in-memory log that outlives it. For tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { vi } from 'vitest';
import { callLog } from '../proto/call-log.ts';
import { connectClient, unary } from '../proto/client.ts';
import { freePort } from '../proto/free-port.testing.ts';
import { type ClusterJoinTokenResponse, ControlClient } from '../proto/generated/gantry/v1/control.ts';
import type { NodeRole } from '../proto/generated/gantry/v1/types.ts';
import { identityDir } from '../proto/identity-files.ts';
import { connectLocally, ENGINE_SOCKET } from '../proto/local-client.ts';
import { ClientCalls } from './clients/client-calls.ts';
import { type Clock, systemClock } from './clock.ts';
import { engineServices } from './engine-services.ts';
import { localCaller, remoteCaller } from './forwarding/caller.ts';
import type { Router } from './forwarding/forwarded-service.ts';
import { LiveIdentity } from './identity.ts';
import { knownNodes } from './known-nodes.ts';
import { leaderServices } from './leader-services.ts';
import { LeadershipRunner } from './leadership.ts';
import { NO_METRICS } from './metrics/manager-metrics.ts';
import { listenForNodes } from './remote-listener.ts';
import { RemoteNode } from './remote-node.testing.ts';
import { serveSocket } from './server.ts';
import { MemoryLog } from './store/memory-log.testing.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';

export interface RunningManager {
  readonly store: Store;
  readonly log: MemoryLog;
  readonly client: ControlClient;
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

function testLogger(): Logger {
  return pino({ level: process.env.GANTRY_TEST_LOG ?? 'silent' }, pino.destination(2));
}

export class ManagerHost {
  readonly nodeId = 'node1';
  readonly entries: Uint8Array[] = [];
  readonly dir: string;

  /** That it listens on for other nodes, on the loopback address. */
  readonly port: number;

  private constructor(dir: string, port: number) {
    this.dir = dir;
    this.port = port;
  }

  static async create(): Promise<ManagerHost> {
    return new ManagerHost(await mkdtemp(join(tmpdir(), 'gantry-manager-test-')), await freePort());
  }

  get socketPath(): string {
    return join(this.dir, 'manager.sock');
  }

  async start(heartbeatPeriodMs = 100, surroundings: Surroundings = {}): Promise<RunningManager> {
    const { clock = systemClock, logger = testLogger() } = surroundings;
    const state = new StoreState(logger);
    const log = new MemoryLog(this.nodeId, state, this.entries);
    const identity = new LiveIdentity(identityDir(this.dir), logger);
    identity.watch();
    const store = new Store(state, log, clock);
    const leadership = new LeadershipRunner({
      store,
      log,
      logger,
      heartbeatPeriodMs,
      nodeDownGraceMs: 100,
      nodeId: this.nodeId,
      identity,
      clock,
      random: randomBytes,
      hasKeys: true,
      askPeers: async () => [],
      metrics: NO_METRICS,
    });
    const here: Router = () => Promise.resolve({ kind: 'here' });
    const interceptors = [callLog({ logger, random: randomBytes, now: Date.now })];
    const services = leaderServices(leadership, here, localCaller);
    const server = await serveSocket(this.socketPath, services, interceptors);
    const over = new AbortController();
    const clients = new ClientCalls({ store, clock: systemClock });
    const watchingClients = clients.run(over.signal);
    const gantryd = connectLocally(join(this.dir, ENGINE_SOCKET));
    const listening = listenForNodes(
      {
        advertiseAddr: `127.0.0.1:${this.port}`,
        identity,
        services: [...leaderServices(leadership, here, remoteCaller), ...engineServices(gantryd, systemClock.now)],
        known: knownNodes(store, identity),
        clients,
        clock,
        interceptors,
        logger,
      },
      over.signal,
    );
    const running = leadership.run(over.signal);
    const client = connectClient(ControlClient, { kind: 'unix', path: this.socketPath });
    const stop = async () => {
      client.close();
      over.abort();
      await running;
      await listening;
      await watchingClients;
      gantryd.close();
      identity.close();
      await server.close();
      await log.close();
    };
    return { store, log, client, stop };
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** With a manager that other nodes can ask; nobody sends heartbeats. */
export async function listeningManager(
  surroundings: Surroundings = {},
): Promise<{ readonly host: ManagerHost; readonly manager: RunningManager }> {
  const host = await ManagerHost.create();
  const manager = await host.start(60_000, surroundings);
  // It listens once it has made itself a certificate.
  await vi.waitFor(() => new RemoteNode(host.port).rootCertificate(), { timeout: 10_000 });
  return { host, manager };
}

export async function joinToken({ client }: RunningManager, role: NodeRole, rotate = false): Promise<string> {
  const answer = await unary<ClusterJoinTokenResponse>((done) => client.clusterJoinToken({ role, rotate }, done));
  return answer.token;
}

export async function joinedNode(host: ManagerHost, manager: RunningManager, role: NodeRole): Promise<RemoteNode> {
  const node = new RemoteNode(host.port);
  await node.join(await joinToken(manager, role));
  return node;
}
