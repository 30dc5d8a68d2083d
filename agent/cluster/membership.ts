/** This node's membership in a cluster, kept as DATA_ROOT/cluster.json. */
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

export interface Membership {
  readonly nodeId: string;
  /** Empty until the manager has said it. */
  readonly clusterId: string;
  readonly manager: true;
  /** IP[:PORT] that other nodes reach this one at. */
  readonly advertiseAddr: string;
  /** The node was told to leave, and hasn't finished: a new agent goes on with it. */
  readonly leaving: boolean;
}

export class MembershipFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined: in no cluster. CORRUPT when the file is there and can't be understood. */
  load(): Membership | undefined {
    try {
      return decode(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new GantryError('CORRUPT', `cannot read this node's membership from ${this.#path}`, {
        hint: 'restore the file from a backup, or remove it and run "gantry cluster init" again',
        cause: error,
      });
    }
  }

  /** On disk when it resolves: a node that has joined must not forget who it is. */
  async save(membership: Membership): Promise<void> {
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

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

function decode(value: unknown): Membership {
  const { nodeId, clusterId, advertiseAddr, leaving } = value as Partial<Membership>;
  if (typeof nodeId !== 'string' || nodeId === '') throw new Error('nodeId is missing');
  return {
    nodeId,
    clusterId: clusterId ?? '',
    manager: true,
    advertiseAddr: advertiseAddr ?? '',
    leaving: leaving ?? false,
  };
}
