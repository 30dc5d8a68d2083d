/** One gantryd's life: start, serve, end. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { native } from '../../native/addon/native.ts';
import { callLog } from '../../proto/call-log.ts';
import { ENGINE_SOCKET } from '../../proto/local-client.ts';
import type { DaemonOptions } from '../config/options.ts';
import { engineService } from '../engine/service.ts';
import type { Observation } from '../metrics/observation.ts';
import { removeCgroupParents, removeExecRoot, unmountBelow } from './host-cleanup.ts';
import { type DaemonParts, makeParts } from './parts.ts';
import { lockRoots } from './root-locks.ts';
import { SocketServer } from './socket-server.ts';

/** What a call in progress gets when gantryd ends: an answer may be on its way, a stream would go on for ever. */
const CLOSE_GRACE_MS = 500;
/** After `system stop` its own answer is to reach the client. */
const STOPPED_GRACE_MS = 2_000;

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #parts: DaemonParts;
  readonly #server: SocketServer;
  readonly #observation: Observation;
  #isOpen: boolean = false;
  readonly #ending = new AbortController();
  #makingRoom: Promise<void> | undefined;
  /** Resolves when the process is to end. */
  readonly ended = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;

  /** Takes the roots: throws IN_USE when another gantryd has them. */
  constructor(options: DaemonOptions, logger: Logger, observation: Observation) {
    this.#options = options;
    this.#logger = logger;
    this.#observation = observation;
    lockRoots(options, native);
    this.#parts = makeParts({ options, logger, metrics: observation.metrics, onSystemStop: () => this.#systemStop() });
    const services = [engineService(this.#parts.handlers), ...this.#parts.cluster.services()];
    const calls = callLog({ logger: logger.child({ component: 'api' }), random: randomBytes, now: Date.now });
    this.#server = new SocketServer(services, [calls]);
  }

  /** In its cluster; undefined while it is in none. */
  get nodeId(): string | undefined {
    return this.#parts.cluster.member?.nodeId;
  }

  /** The sockets appear last: who can connect is answered. */
  async start(): Promise<void> {
    const { images, snapshots, containers, builder, cluster, uses, highWater, registryServer } = this.#parts;
    await this.#observe();
    await images.open();
    await registryServer.open();
    await uses.open();
    await snapshots.open();
    await containers.recover();
    await builder.open();
    images.garbage.start();
    this.#isOpen = true;
    await cluster.start();
    this.#makingRoom = highWater.run(this.#ending.signal);
    this.#writePidFile();
    await registryServer.listen();
    await this.#server.listen(this.#sockets());
    this.#logger.info({ sockets: this.#options.sockets, dataRoot: this.#options.dataRoot }, 'gantryd is ready');
  }

  /** First of all, so that whoever watches sees how far it is. */
  async #observe(): Promise<void> {
    const { containers, networks, volumes, cluster } = this.#parts;
    const agent = { containers, networks, volumes, cluster, isOpen: () => this.#isOpen };
    await this.#observation.serve(agent, (error) => this.#logger.warn({ err: error }, 'metrics could not be shown'));
  }

  /** Where users connect; and where this host's manager does, for users who are elsewhere. */
  #sockets(): string[] {
    return [...this.#options.sockets, join(this.#options.execRoot, ENGINE_SOCKET)];
  }

  #pidFile(): string {
    return join(this.#options.execRoot, 'gantryd.pid');
  }

  #writePidFile(): void {
    mkdirSync(this.#options.execRoot, { recursive: true, mode: 0o711 });
    writeFileSync(this.#pidFile(), `${process.pid}\n`);
  }

  /** Lets go of everything; containers go on. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close(CLOSE_GRACE_MS).finally(() => this.ended.resolve());
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const { cluster, containers, logForwarding, networks, images, registryServer } = this.#parts;
    images.keepUnfinished();
    await this.#server.close(graceMs);
    await registryServer.close();
    await this.#observation.close();
    this.#ending.abort();
    await this.#makingRoom;
    await cluster.close();
    await containers.close();
    await logForwarding.close();
    await networks.close();
    await images.close();
    for (const path of this.#sockets()) rmSync(path, { force: true });
    rmSync(this.#pidFile(), { force: true });
  }

  /** Called by the cluster's part, which has ended its worker and its manager. What fails leaves gantryd running. */
  async #systemStop(): Promise<void> {
    const { containers, networks } = this.#parts;
    this.#logger.info('stopping all containers');
    await containers.stopAll();
    await networks.shutdown();
    await unmountBelow([this.#options.execRoot, this.#options.dataRoot], native);
    removeCgroupParents();
    this.#closing ??= this.#endAfterStop().finally(() => this.ended.resolve());
  }

  async #endAfterStop(): Promise<void> {
    // The answer of the call that brought us here is only sent after this function's caller has returned.
    await delay(0);
    await this.#close(STOPPED_GRACE_MS);
    if (existsSync(this.#options.execRoot)) removeExecRoot(this.#options.execRoot);
    this.#logger.info('everything of Gantry on this host is stopped');
  }
}
