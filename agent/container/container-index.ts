/**
 * The containers of this host by id, by unambiguous id prefix, and by name. A container has its own name; those of a service
 * with a `container_name` share that as a further one, by which the newest of them that runs is found.
 */
import { GantryError } from '../../proto/errors.ts';
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerId } from '../../proto/ids.ts';
import type { ContainerEntry, ContainerNames } from './container-entry.ts';

export class ContainerIndex {
  readonly #byId = new Map<ContainerId, ContainerEntry>();
  /** Also names of containers that are still being made. */
  readonly #names = new Map<string, ContainerId>();
  /** The same of shared names. */
  readonly #shared = new Map<string, Set<ContainerId>>();

  /** Takes the names for a container to come. ALREADY_EXISTS. */
  reserveNames({ own, shared }: ContainerNames, id: ContainerId): void {
    this.#refuseTaken(own, [this.#names.get(own), ...(this.#shared.get(own) ?? [])]);
    if (shared !== '') this.#refuseTaken(shared, [this.#names.get(shared)]);
    this.#take({ own, shared }, id);
  }

  #refuseTaken(name: string, holders: readonly (ContainerId | undefined)[]): void {
    const holder = holders.find((id) => id !== undefined);
    if (holder === undefined) return;
    throw new GantryError('ALREADY_EXISTS', `the name "${name}" is in use by container ${holder.slice(0, 12)}`, {
      hint: 'remove that container, or choose another name',
    });
  }

  #take({ own, shared }: ContainerNames, id: ContainerId): void {
    this.#names.set(own, id);
    if (shared !== '') this.#shared.set(shared, (this.#shared.get(shared) ?? new Set()).add(id));
  }

  releaseNames({ own, shared }: ContainerNames, id: ContainerId): void {
    this.#names.delete(own);
    const holders = this.#shared.get(shared);
    holders?.delete(id);
    if (holders?.size === 0) this.#shared.delete(shared);
  }

  isNameTaken(name: string): boolean {
    return this.#names.has(name) || this.#shared.has(name);
  }

  add(entry: ContainerEntry): void {
    this.#byId.set(entry.id, entry);
    this.#take(entry.names, entry.id);
  }

  delete(entry: ContainerEntry): void {
    this.#byId.delete(entry.id);
    this.releaseNames(entry.names, entry.id);
  }

  entries(): ContainerEntry[] {
    return [...this.#byId.values()];
  }

  has(id: string): boolean {
    return this.#byId.has(id as ContainerId);
  }

  /** Whole id, then name, then id prefix, as Docker looks them up. NOT_FOUND, AMBIGUOUS. */
  get(reference: string): ContainerEntry {
    const name = reference.replace(/^\//, '');
    const named = this.#names.get(name);
    const found = this.#byId.get(reference as ContainerId) ?? (named && this.#byId.get(named));
    return found ?? this.#byShared(name) ?? this.#byPrefix(reference);
  }

  /** Of an update that starts first there are two that run for a while. */
  #byShared(name: string): ContainerEntry | undefined {
    const holders = [...(this.#shared.get(name) ?? [])].reverse();
    const entries = holders.flatMap((id) => this.#byId.get(id) ?? []);
    const newestFirst = entries.sort((a, b) => b.record.createdAtMs - a.record.createdAtMs);
    return newestFirst.find(({ status }) => status === ContainerStatus.RUNNING) ?? newestFirst[0];
  }

  #byPrefix(reference: string): ContainerEntry {
    const matches = reference === '' ? [] : this.entries().filter(({ id }) => id.startsWith(reference));
    const [entry] = matches;
    if (entry === undefined) {
      throw new GantryError('NOT_FOUND', `no such container: ${reference}`, {
        hint: 'gantry ps -a lists the containers of this host',
      });
    }
    if (matches.length === 1) return entry;
    throw new GantryError('AMBIGUOUS', `${matches.length} containers have ids that begin with "${reference}"`, {
      hint: 'give more of the id',
    });
  }
}
