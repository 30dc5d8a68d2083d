/** What the scheduler knows of a node: what it has, and what is promised to tasks on it. */
import { type GenericResource, PublishMode, type ResourceAmounts } from '../../proto/generated/gantry/v1/types.ts';
import { genericResourceCount } from '../../proto/generic-resource.ts';
import { isChoice } from '../../proto/published-port.ts';
import { describePort } from '../allocator/ports.ts';
import type { NodeObject } from '../store/node.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';
import { GenericUnits, genericReservationsOf } from './generic-units.ts';
import { RecentFailures } from './recent-failures.ts';

const NOTHING: ResourceAmounts = { nanoCpus: 0, memoryBytes: 0, pids: 0 };

export function reservationsOf(task: TaskObject): ResourceAmounts {
  return task.spec.resources?.reservations ?? NOTHING;
}

/** Ports that the task takes on the node itself. */
export function hostPortsOf(task: TaskObject): string[] {
  return task.ports.filter((port) => port.mode === PublishMode.HOST && !isChoice(port)).map(describePort);
}

export class NodeInfo {
  node: NodeObject;
  readonly #tasks = new Map<string, TaskObject>();
  readonly #tasksOfService = new Map<string, number>();
  readonly #hostPorts = new Map<string, number>();
  readonly #genericUnits = new GenericUnits();
  readonly #failures = new RecentFailures();
  #nanoCpus = 0;
  #memoryBytes = 0;

  constructor(node: NodeObject) {
    this.node = node;
  }

  get tasks(): number {
    return this.#tasks.size;
  }

  tasksOfService(serviceId: string): number {
    return this.#tasksOfService.get(serviceId) ?? 0;
  }

  holdsHostPort(port: string): boolean {
    return this.#hostPorts.has(port);
  }

  /** Another task in the slot has been told to stop, and runs yet. */
  isStopping({ id, serviceName, slot }: TaskObject): boolean {
    return this.#tasks
      .values()
      .some((task) => task.slot === slot && task.serviceName === serviceName && task.id !== id && !isWanted(task));
  }

  recentFailures(serviceId: string, specVersion: number, nowMs: number): number {
    return this.#failures.count(serviceId, specVersion, nowMs);
  }

  recordFailure({ serviceId, specVersion, status }: TaskObject): void {
    this.#failures.add(serviceId, specVersion, status.timestampMs);
  }

  /** What is promised of what it has, of processors or of memory, whichever is more: 0..1, beyond when it has shrunk. */
  get reservedShare(): number {
    const total = this.node.description.resources ?? NOTHING;
    return Math.max(share(this.#nanoCpus, total.nanoCpus), share(this.#memoryBytes, total.memoryBytes));
  }

  /** What isn't promised yet; negative when the node has shrunk. */
  get freeNanoCpus(): number {
    return (this.node.description.resources?.nanoCpus ?? 0) - this.#nanoCpus;
  }

  get freeMemoryBytes(): number {
    return (this.node.description.resources?.memoryBytes ?? 0) - this.#memoryBytes;
  }

  /** Units of a generic resource that it has at all, and those of them that aren't given to a task yet. */
  genericUnits(kind: string): { readonly total: number; readonly free: number } {
    const total = this.#genericResource(kind);
    return { total: total === undefined ? 0 : genericResourceCount(total), free: this.#genericUnits.free(total) };
  }

  /** What the task is to be given, of what is free: there must be enough. */
  chooseGenericResources(task: TaskObject): GenericResource[] {
    return genericReservationsOf(task).flatMap(({ kind, count }) => {
      const total = this.#genericResource(kind);
      return total === undefined ? [] : [this.#genericUnits.choose(total, count)];
    });
  }

  #genericResource(kind: string): GenericResource | undefined {
    return this.node.description.genericResources.find((resource) => resource.kind === kind);
  }

  /** Idempotent. A task that has ended takes nothing. */
  set(task: TaskObject): void {
    this.delete(task.id);
    if (hasEnded(task)) return;
    this.#tasks.set(task.id, task);
    this.#count(task, 1);
  }

  /** Returns whether it was there. */
  delete(taskId: string): boolean {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return false;
    this.#tasks.delete(taskId);
    this.#count(task, -1);
    return true;
  }

  #count(task: TaskObject, sign: 1 | -1): void {
    const { nanoCpus, memoryBytes } = reservationsOf(task);
    this.#nanoCpus += sign * nanoCpus;
    this.#memoryBytes += sign * memoryBytes;
    bump(this.#tasksOfService, task.serviceId, sign);
    for (const port of hostPortsOf(task)) bump(this.#hostPorts, port, sign);
    if (sign > 0) this.#genericUnits.give(task.genericResources);
    else this.#genericUnits.takeBack(task.genericResources);
  }
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function bump(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
