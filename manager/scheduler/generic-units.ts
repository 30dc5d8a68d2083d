/** The units of generic resources that tasks on one node have been given. */
import type { GenericReservation, GenericResource } from '../../proto/generated/gantry/v1/types.ts';
import { genericResourceCount } from '../../proto/generic-resource.ts';
import type { TaskObject } from '../store/task.ts';

const NONE: readonly GenericReservation[] = [];

export function genericReservationsOf(task: TaskObject): readonly GenericReservation[] {
  return task.spec.resources?.genericReservations ?? NONE;
}

/** `total`: what the node has of a kind; undefined for nothing. That may change while tasks have some of it. */
export class GenericUnits {
  /** By kind; of named units how often each was given: after a change of the node's, maybe twice. */
  readonly #names = new Map<string, Map<string, number>>();
  readonly #given = new Map<string, number>();

  give(resources: readonly GenericResource[]): void {
    for (const resource of resources) this.#count(resource, 1);
  }

  takeBack(resources: readonly GenericResource[]): void {
    for (const resource of resources) this.#count(resource, -1);
  }

  /** How many units can still be given. */
  free(total: GenericResource | undefined): number {
    if (total === undefined) return 0;
    const left = genericResourceCount(total) - (this.#given.get(total.kind) ?? 0);
    return total.names.length === 0 ? Math.max(left, 0) : Math.max(Math.min(left, this.#unused(total).length), 0);
  }

  /** Units that are free. There must be as many. */
  choose(total: GenericResource, count: number): GenericResource {
    const { kind, names } = total;
    return names.length === 0
      ? { kind, names: [], count }
      : { kind, names: this.#unused(total).slice(0, count), count: 0 };
  }

  #unused({ kind, names }: GenericResource): string[] {
    const used = this.#names.get(kind);
    return used === undefined ? names : names.filter((name) => !used.has(name));
  }

  #count(resource: GenericResource, sign: 1 | -1): void {
    const { kind, names } = resource;
    add(this.#given, kind, sign * genericResourceCount(resource));
    if (names.length === 0) return;
    const used = this.#names.get(kind) ?? new Map<string, number>();
    for (const name of names) add(used, name, sign);
    this.#names.set(kind, used);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
