/**
 * What must outlive this process, as JSON files under DATA_ROOT/network:
 *
 *     networks.json         the networks of this node
 *     configs.json          its config-only networks
 *     services/ID.json      the services, as the cluster last said
 *     cursors.json          the address last given of each network
 *     forwarding.json       present while ip_forward is on because of us
 *     forwarding6.json      the same of IPv6, and which links' accept_ra was changed along with it
 *     neighbour-limits.json what the kernel's limits of neighbours were, while they are others because of us
 *     sandboxes/ID.json     one per container
 *
 * A file is replaced by renaming, so that a reader sees the old or the new one; services and cursors, which
 * change often, are lines, of which the last counts. Neither they nor sandboxes are synced: they describe kernel state
 * that a power failure takes along, or what the cluster says again; the rest is. What isn't synced is written at once: that
 * takes less than to ask the thread pool for each step.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { lastRecord, RecordLines } from '../files/record-lines.ts';
import type { NeighbourTable } from './netlink/neighbour-table.ts';
import type { NetworkRecord } from './network-record.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import type { ServiceChanges } from './service-changes.ts';
import { SharedRun } from './shared-run.ts';

const TEMPORARY = '.tmp';
const CURSORS = 'cursors.json';
const SERVICES = 'services';
const SANDBOXES = 'sandboxes';
const NEIGHBOUR_LIMITS = 'neighbour-limits.json';

export type Cursors = Readonly<Record<string, number>>;

export interface Forwarding6 {
  /** Links whose accept_ra was 1. */
  readonly acceptRa: readonly string[];
}

export class NetworkStore {
  readonly #dir: string;
  readonly #logger: Logger;
  readonly #cursorsWrite: SharedRun;
  readonly #lines = new RecordLines();
  #cursors: Cursors = {};
  #temporary = 0;

  constructor(dir: string, logger: Logger) {
    this.#dir = dir;
    this.#logger = logger;
    this.#cursorsWrite = new SharedRun(async () => this.#appendCursors());
  }

  /** Of writes that a crash cut off. Before anything is written: one under way looks the same. */
  async removeTemporaries(): Promise<void> {
    for (const dir of [this.#dir, join(this.#dir, SANDBOXES), join(this.#dir, SERVICES)]) {
      const names = await readdir(dir).catch(emptyIfMissing);
      for (const name of names.filter((one) => one.endsWith(TEMPORARY))) await rm(join(dir, name), { force: true });
    }
  }

  async readNetworks(): Promise<NetworkRecord[]> {
    return (await this.#read<NetworkRecord[]>('networks.json')) ?? [];
  }

  writeNetworks(networks: readonly NetworkRecord[]): Promise<void> {
    return this.#writeSynced('networks.json', networks);
  }

  async readConfigs(): Promise<NetworkRecord[]> {
    return (await this.#read<NetworkRecord[]>('configs.json')) ?? [];
  }

  writeConfigs(configs: readonly NetworkRecord[]): Promise<void> {
    return this.#writeSynced('configs.json', configs);
  }

  async readServices(): Promise<ServiceEndpoints[]> {
    // What an older version has written lacks what it didn't know.
    return (await this.#readAll<Partial<ServiceEndpoints>>(SERVICES)).map((service) =>
      ServiceEndpoints.fromPartial(service),
    );
  }

  async writeServices({ put, removed }: ServiceChanges): Promise<void> {
    for (const service of put) {
      const path = join(this.#dir, SERVICES, `${service.serviceId}.json`);
      this.#inDirectories(() => this.#lines.write(path, JSON.stringify(service)));
    }
    for (const id of removed) {
      const path = join(this.#dir, SERVICES, `${id}.json`);
      this.#lines.forget(path);
      rmSync(path, { force: true });
    }
  }

  async readCursors(): Promise<Cursors> {
    return (await this.#read<Cursors>(CURSORS)) ?? {};
  }

  /** The last of those that come together. */
  writeCursors(cursors: Cursors): Promise<void> {
    this.#cursors = cursors;
    return this.#cursorsWrite.request();
  }

  async forwardingIsOurs(): Promise<boolean> {
    return (await this.#read<unknown>('forwarding.json')) !== undefined;
  }

  markForwarding(): Promise<void> {
    return this.#writeSynced('forwarding.json', { ipForward: 1 });
  }

  unmarkForwarding(): Promise<void> {
    return rm(join(this.#dir, 'forwarding.json'), { force: true });
  }

  readForwarding6(): Promise<Forwarding6 | undefined> {
    return this.#read<Forwarding6>('forwarding6.json');
  }

  writeForwarding6(forwarding: Forwarding6): Promise<void> {
    return this.#writeSynced('forwarding6.json', forwarding);
  }

  removeForwarding6(): Promise<void> {
    return rm(join(this.#dir, 'forwarding6.json'), { force: true });
  }

  readNeighbourLimits(): Promise<NeighbourTable[] | undefined> {
    return this.#read<NeighbourTable[]>(NEIGHBOUR_LIMITS);
  }

  writeNeighbourLimits(tables: readonly NeighbourTable[]): Promise<void> {
    return this.#writeSynced(NEIGHBOUR_LIMITS, tables);
  }

  removeNeighbourLimits(): Promise<void> {
    return rm(join(this.#dir, NEIGHBOUR_LIMITS), { force: true });
  }

  readSandboxes(): Promise<SandboxRecord[]> {
    return this.#readAll<SandboxRecord>(SANDBOXES);
  }

  async writeSandbox(record: SandboxRecord): Promise<void> {
    this.#writeUnsynced(sandboxFile(record.request.containerId), record);
  }

  removeSandbox(containerId: string): Promise<void> {
    return rm(join(this.#dir, sandboxFile(containerId)), { force: true });
  }

  async #readAll<T>(directory: string): Promise<T[]> {
    const names = await readdir(join(this.#dir, directory)).catch(emptyIfMissing);
    const records: T[] = [];
    for (const name of names.filter((file) => file.endsWith('.json'))) {
      const record = await this.#read<T>(join(directory, name));
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /**
   * Undefined when the file is missing. One that can't be read back (cut off by a power failure) counts as missing
   * too: all of this can be had again, from the cluster or by setting the sandbox up anew.
   */
  async #read<T>(name: string): Promise<T | undefined> {
    const path = join(this.#dir, name);
    try {
      return JSON.parse(lastRecord(await readFile(path, 'utf8'))) as T;
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (!(error instanceof SyntaxError)) throw error;
      this.#logger.warn({ path, err: error }, 'state file is damaged and was put aside');
      await rename(path, `${path}.damaged`);
      return undefined;
    }
  }

  async #writeSynced(name: string, value: unknown): Promise<void> {
    const path = join(this.#dir, name);
    const temporary = this.#temporaryOf(path);
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }

  #appendCursors(): void {
    this.#inDirectories(() => this.#lines.write(join(this.#dir, CURSORS), JSON.stringify(this.#cursors)));
  }

  #writeUnsynced(name: string, value: unknown): void {
    const path = join(this.#dir, name);
    const temporary = this.#temporaryOf(path);
    this.#inDirectories(() => writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 }));
    renameSync(temporary, path);
  }

  /** Makes the directories when they turn out to be missing. */
  #inDirectories(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isMissing(error)) throw error;
      for (const name of [SANDBOXES, SERVICES]) mkdirSync(join(this.#dir, name), { recursive: true, mode: 0o700 });
      write();
    }
  }

  #temporaryOf(path: string): string {
    return `${path}.${process.pid}.${this.#temporary++}${TEMPORARY}`;
  }
}

function sandboxFile(containerId: string): string {
  return join(SANDBOXES, `${containerId}.json`);
}

function emptyIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
