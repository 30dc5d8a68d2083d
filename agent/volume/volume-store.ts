/**
 * Named volumes of this host, by the local driver.
 *
 *   DIR/NAME/volume.json   what it is; a volume exists from when this is written
 *   DIR/NAME/_data         its data, or where they are mounted
 *   DIR/.removed-NAME      being deleted
 *
 * Who uses a volume is known in memory only. The engine acquires again for each container it finds when the agent
 * starts, before it serves anybody: so a crash between a container's end and the release leaves no user behind.
 * Mounts outlive the agent with the containers, and are taken over by the next acquire, or removed with the volume.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import type { Volume } from '../../proto/generated/gantry/v1/engine.ts';
import type { VolumeSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { copyTree } from './copy-tree.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { planMount } from './mount-plan.ts';
import { volumeFilter } from './volume-filter.ts';
import { mountVolume, unmountVolume } from './volume-mount.ts';
import { anonymousVolumeName, checkVolumeName, isAnonymous } from './volume-name.ts';
import { readVolumeRecord, type VolumeRecord, writeVolumeRecord } from './volume-record.ts';
import type { ReportedVolumes, VolumeReport, Volumes } from './volumes.ts';

const DATA = '_data';
const REMOVED = '.removed-';
const LOCAL = 'local';

export interface VolumeStoreOptions {
  /** DATA_ROOT/volumes; made if missing. */
  readonly dir: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly native: Native;
  readonly logger: Logger;
}

export class VolumeStore implements Volumes, ReportedVolumes {
  readonly #options: VolumeStoreOptions;
  readonly #logger: Logger;
  readonly #turns = new KeyedQueue();
  readonly #users = new Map<string, Set<string>>();
  readonly #listeners = new Set<() => void>();
  /** Names of volumes whose record can't be read. */
  readonly #unreadable = new Set<string>();
  #loaded: Promise<Map<string, VolumeRecord>> | undefined;

  constructor(options: VolumeStoreOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'volume' });
  }

  async ensure(name: string, spec: VolumeSpec | undefined): Promise<Volume> {
    const wanted = name === '' ? anonymousVolumeName(this.#options.random) : name;
    checkVolumeName(wanted);
    const driver = spec?.driver || LOCAL;
    const driverOpts = spec?.driverOpts ?? {};
    if (driver !== LOCAL) {
      throw new GantryError('UNSUPPORTED', `volume ${wanted}: there is no volume driver ${driver}`, {
        hint: 'the driver local mounts NFS, tmpfs and host directories by its options type, o and device',
      });
    }
    planMount(wanted, driverOpts);
    return await this.#turns.run(wanted, async () => {
      const records = await this.#records();
      const existing = records.get(wanted);
      if (existing !== undefined) return this.#volume(checkSame(existing, driverOpts));
      const labels = spec?.labels ?? {};
      const createdAtMs = this.#options.clock();
      const record: VolumeRecord = { name: wanted, driver, driverOpts, labels, createdAtMs, content: 'empty' };
      await mkdir(this.#dataPath(wanted), { recursive: true, mode: 0o755 });
      await this.#put(record);
      this.#logger.info({ volume: wanted }, 'volume created');
      this.#changed();
      return this.#volume(record);
    });
  }

  async acquire(name: string, user: string): Promise<Volume> {
    return await this.#turns.run(name, async () => {
      const record = await this.#get(name);
      const plan = planMount(name, record.driverOpts);
      if (plan !== undefined) await mountVolume(this.#options.native, name, plan, this.#dataPath(name));
      // Nobody is filling it, as it is our turn: the agent was killed while it did.
      if (record.content === 'filling') await this.#discardHalfCopy(record);
      const users = this.#users.get(name) ?? new Set();
      users.add(user);
      this.#users.set(name, users);
      return this.#volume(record);
    });
  }

  async release(name: string, user: string): Promise<void> {
    await this.#turns.run(name, async () => {
      const users = this.#users.get(name);
      users?.delete(user);
      if (users !== undefined && users.size > 0) return;
      this.#users.delete(name);
      const record = (await this.#records()).get(name);
      if (record === undefined || planMount(name, record.driverOpts) === undefined) return;
      await unmountVolume(this.#options.native, this.#dataPath(name));
    });
  }

  async populate(name: string, from: string): Promise<void> {
    await this.#turns.run(name, async () => {
      const record = await this.#get(name);
      // A path that the image doesn't have: nothing to fill with, now or later.
      if (record.content === 'filled' || !existsSync(from)) return;
      if (record.content === 'filling') await this.#discardHalfCopy(record);
      if (await isEmptyDirectory(this.#dataPath(name))) await this.#fill(record, from);
      await this.#put({ ...record, content: 'filled' });
    });
  }

  async list(filters: readonly string[]): Promise<Volume[]> {
    const matches = volumeFilter(filters);
    const records = [...(await this.#records()).values()];
    return records
      .map((record) => this.#volume(record))
      .filter((volume) => matches(volume, this.#users.has(volume.name)))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    await this.#turns.run(name, async () => {
      await this.#get(name);
      const users = [...(this.#users.get(name) ?? [])];
      if (users.length > 0) {
        throw new GantryError('IN_USE', `cannot remove volume ${name}: it is in use by ${users.join(', ')}`, {
          hint: 'remove the containers that use it first',
        });
      }
      // Before anything is deleted: it might be a host's directory.
      await unmountVolume(this.#options.native, this.#dataPath(name));
      const removed = join(this.#options.dir, `${REMOVED}${name}`);
      await rm(removed, { recursive: true, force: true });
      await rename(join(this.#options.dir, name), removed);
      (await this.#records()).delete(name);
      await rm(removed, { recursive: true, force: true });
      this.#logger.info({ volume: name }, 'volume removed');
      this.#changed();
    });
  }

  async report(): Promise<VolumeReport> {
    const records = [...(await this.#records()).values()].filter(({ name }) => !isAnonymous(name));
    const [names, mounted] = [[...this.#unreadable], [] as string[]];
    for (const { name, driverOpts } of records)
      (planMount(name, driverOpts) === undefined ? names : mounted).push(name);
    return { names, mounted };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  // ---- filling ----

  async #fill(record: VolumeRecord, from: string): Promise<void> {
    // The mark comes first: whatever is there when it is found after a crash is half a copy.
    await this.#put({ ...record, content: 'filling' });
    try {
      await copyTree(this.#options.native, from, this.#dataPath(record.name));
    } catch (cause) {
      await this.#discardHalfCopy(record);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('HOST', `cannot copy ${from} of the image into volume ${record.name}: ${reason}`, {
        cause,
      });
    }
  }

  async #discardHalfCopy(record: VolumeRecord): Promise<void> {
    const data = this.#dataPath(record.name);
    for (const name of await readdir(data, { encoding: 'buffer' })) {
      await rm(Buffer.concat([Buffer.from(`${data}/`), name]), { recursive: true, force: true });
    }
    await this.#put({ ...record, content: 'empty' });
  }

  // ---- records ----

  #records(): Promise<Map<string, VolumeRecord>> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #load(): Promise<Map<string, VolumeRecord>> {
    await mkdir(this.#options.dir, { recursive: true, mode: 0o711 });
    const records = new Map<string, VolumeRecord>();
    for (const name of await readdir(this.#options.dir)) {
      const directory = join(this.#options.dir, name);
      if (name.startsWith(REMOVED)) await rm(directory, { recursive: true, force: true });
      if (name.startsWith('.')) continue;
      const record = await this.#loadRecord(name, directory);
      if (record !== undefined) records.set(name, record);
    }
    return records;
  }

  /** One volume that can't be read doesn't keep the others away; its name stays taken by its directory. */
  async #loadRecord(name: string, directory: string): Promise<VolumeRecord | undefined> {
    try {
      return await readVolumeRecord(directory);
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      this.#logger.error({ err: error }, 'ignoring a volume');
      this.#unreadable.add(name);
      return undefined;
    }
  }

  async #get(name: string): Promise<VolumeRecord> {
    const record = (await this.#records()).get(name);
    if (record === undefined) throw new GantryError('NOT_FOUND', `no such volume: ${name}`);
    return record;
  }

  async #put(record: VolumeRecord): Promise<void> {
    await writeVolumeRecord(join(this.#options.dir, record.name), record);
    (await this.#records()).set(record.name, record);
  }

  #dataPath(name: string): string {
    return join(this.#options.dir, name, DATA);
  }

  #volume({ name, driver, labels, createdAtMs }: VolumeRecord): Volume {
    return { name, driver, mountpoint: this.#dataPath(name), labels: { ...labels }, createdAtMs };
  }
}

async function isEmptyDirectory(path: string): Promise<boolean> {
  return (await readdir(path)).length === 0;
}

/** No options are asked for, or the same that the volume has. Labels may differ: they are the first one's. */
function checkSame(record: VolumeRecord, driverOpts: Readonly<Record<string, string>>): VolumeRecord {
  const keys = Object.keys(driverOpts);
  const same =
    keys.length === Object.keys(record.driverOpts).length &&
    keys.every((key) => record.driverOpts[key] === driverOpts[key]);
  if (same || keys.length === 0) return record;
  throw new GantryError('ALREADY_EXISTS', `volume ${record.name} exists with other driver options`, {
    hint: 'remove it or choose another name',
  });
}
