/** The containers of this host by id, by unambiguous id prefix, and by name. */
import { GantryError } from '../../proto/errors.ts';
import type { ContainerId } from '../../proto/ids.ts';
import type { ContainerEntry } from './container-entry.ts';

export class ContainerIndex {
  readonly #byId = new Map<ContainerId, ContainerEntry>();
  /** Also names of containers that are still being made. */
  readonly #names = new Map<string, ContainerId>();

  /** Takes the name for a container to come. ALREADY_EXISTS. */
  reserveName(name: string, id: ContainerId): void {
    const holder = this.#names.get(name);
    if (holder !== undefined) {
      throw new GantryError('ALREADY_EXISTS', `the name "${name}" is in use by container ${holder.slice(0, 12)}`, {
        hint: 'remove that container, or choose another name',
      });
    }
    this.#names.set(name, id);
  }

  releaseName(name: string): void {
    this.#names.delete(name);
  }

  isNameTaken(name: string): boolean {
    return this.#names.has(name);
  }

  add(entry: ContainerEntry): void {
    this.#byId.set(entry.id, entry);
    this.#names.set(entry.record.name, entry.id);
  }

  delete(entry: ContainerEntry): void {
    this.#byId.delete(entry.id);
    this.#names.delete(entry.record.name);
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
    return found ?? this.#byPrefix(reference);
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
