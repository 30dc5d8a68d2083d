/** This node's membership in a cluster, kept as DATA_ROOT/cluster.json. */
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

export interface KnownManager {
  readonly nodeId: string;
  /** IP:PORT */
  readonly address: string;
}

export interface Membership {
  readonly nodeId: string;
  /** Empty until the manager has said it. */
  readonly clusterId: string;
  /** This node runs a manager. */
  readonly manager: boolean;
  /** IP[:PORT] that other nodes reach this one at. */
  readonly advertiseAddr: string;
  /** All that the cluster has, as it was last heard. */
  readonly managers: readonly KnownManager[];
  /** The node was told to leave, and hasn't finished: a new agent goes on with it. */
  readonly leaving: boolean;
}

export class MembershipFile {
  readonly #path: string;
  #current: Membership | undefined;
  /** Writes come one after the other. */
  #saving: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** As loaded or saved last; undefined: in no cluster. */
  get current(): Membership | undefined {
    return this.#current;
  }

  /** Undefined: in no cluster. CORRUPT when the file is there and can't be understood. */
  load(): Membership | undefined {
    try {
      this.#current = decode(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      this.#current = undefined;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new GantryError('CORRUPT', `cannot read this node's membership from ${this.#path}`, {
        hint: 'restore the file from a backup, or remove it and run "gantry cluster init" again',
        cause: error,
      });
    }
    return this.#current;
  }

  /** On disk when it resolves: a node that has joined must not forget who it is. */
  save(membership: Membership): Promise<void> {
    this.#current = membership;
    return this.#write();
  }

  /** Nothing happens to a node that is in no cluster any more. */
  async update(change: Partial<Membership>): Promise<void> {
    if (this.#current === undefined) return;
    this.#current = { ...this.#current, ...change };
    await this.#write();
  }

  async remove(): Promise<void> {
    this.#current = undefined;
    await this.#saving;
    rmSync(this.#path, { force: true });
  }

  #write(): Promise<void> {
    const written = this.#saving.then(() => this.#writeCurrent());
    // A failure is its caller's; the next write has its turn all the same.
    this.#saving = written.catch(() => undefined);
    return written;
  }

  async #writeCurrent(): Promise<void> {
    const membership = this.#current;
    if (membership === undefined) return;
    mkdirSync(dirname(this.#path), { recursive: true });
    const temporary = `${this.#path}.tmp`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(membership, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(temporary, this.#path);
  }
}

function decode(value: unknown): Membership {
  const { nodeId, clusterId, manager, advertiseAddr, managers, leaving } = value as Partial<Membership>;
  if (typeof nodeId !== 'string' || nodeId === '') throw new Error('nodeId is missing');
  return {
    nodeId,
    clusterId: clusterId ?? '',
    // Files of versions that knew clusters of one don't say it.
    manager: manager ?? true,
    advertiseAddr: advertiseAddr ?? '',
    managers: managers ?? [],
    leaving: leaving ?? false,
  };
}
