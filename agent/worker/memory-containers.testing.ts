/** Containers without a host, for the worker's tests: state machine and events as the engine's. */
import { GantryError } from '../../proto/errors.ts';
import {
  Container,
  type ContainerConfig,
  ContainerStatus,
  type HealthStatus,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Hook } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerId } from '../../proto/ids.ts';
import type { CommandResult, ContainerEvent, Containers, TaskContainer } from '../container/containers.ts';

export interface MemoryContainers extends Containers {
  /** Every call that changes something, as "start t1". */
  readonly calls: string[];
  readonly files: Map<string, TaskContainer['files']>;
  /** The process ends by itself. */
  /** `finishedAtMs`: since the epoch; the epoch itself when left out. */
  exit(taskId: string, exitCode: number, oomKilled?: boolean, finishedAtMs?: number): void;
  setHealth(taskId: string, health: HealthStatus, output?: string): void;
}

export interface MemoryContainersOptions {
  /** Awaited before and after each call, named "start t1": to fail it, or to let it hang for ever. */
  readonly before?: (call: string) => Promise<void> | void;
  readonly after?: (call: string) => Promise<void> | void;
  /** What comes of a hook; left out: success. */
  readonly onHook?: (hook: Hook) => CommandResult;
  /** Health of a container that has just been started. */
  readonly health?: HealthStatus;
}

export function memoryContainers(options: MemoryContainersOptions = {}): MemoryContainers {
  const containers = new Map<string, Container>();
  const listeners = new Set<(event: ContainerEvent) => void>();
  const calls: string[] = [];
  const files = new Map<string, TaskContainer['files']>();

  const byReference = (reference: string): Container => {
    const found = containers.get(reference);
    if (found === undefined) throw new GantryError('NOT_FOUND', `no such container: ${reference}`);
    return found;
  };
  const byTask = (taskId: string): Container | undefined =>
    [...containers.values()].find((container) => container.taskId === taskId && container.preStart === undefined);
  const emit = (kind: ContainerEvent['kind'], container: Container) => {
    for (const listener of [...listeners]) listener({ id: container.id as ContainerId, kind, container });
  };
  const change = (id: string, kind: ContainerEvent['kind'], state: Partial<NonNullable<Container['state']>>) => {
    const container = byReference(id);
    const next = Container.fromPartial({ ...container, state: { ...container.state, ...state } });
    containers.set(id, next);
    emit(kind, next);
  };
  const call = async (name: string, action: () => void): Promise<void> => {
    await options.before?.(name);
    calls.push(name);
    action();
    await options.after?.(name);
  };
  const taskOf = (reference: string): string => {
    const { taskId = reference, preStart } = containers.get(reference) ?? {};
    return preStart === undefined ? taskId : `${taskId} hook ${preStart}`;
  };
  const unsupported = async (): Promise<never> => {
    throw new GantryError('UNSUPPORTED', 'not in memory');
  };

  return {
    calls,
    files,
    exit: (taskId, exitCode, oomKilled = false, finishedAtMs = 0) => {
      const id = byTask(taskId)?.id ?? taskId;
      change(id, 'exit', { status: ContainerStatus.EXITED, pid: 0, exitCode, oomKilled, finishedAtMs });
    },
    setHealth: (taskId, health, healthOutput = '') => {
      change(byTask(taskId)?.id ?? taskId, 'health', { health, healthOutput });
    },
    create: async (config: ContainerConfig, task?: TaskContainer) => {
      const taskId = task?.taskId ?? '';
      const hook = task?.preStart === undefined ? '' : ` hook ${task.preStart}`;
      const id = `container-of-${taskId}${hook.replaceAll(' ', '-')}` as ContainerId;
      await call(`create ${taskId}${hook}`, () => {
        if (hook === '') files.set(taskId, task?.files ?? []);
        const networks = config.networks.map(({ target }) => ({ networkId: target, address: '10.0.0.2' }));
        containers.set(
          id,
          Container.fromPartial({
            id,
            name: config.name,
            config,
            taskId,
            ...(task?.preStart === undefined ? {} : { preStart: task.preStart }),
            networks,
            state: { status: ContainerStatus.CREATED },
          }),
        );
        emit('create', byReference(id));
      });
      return id;
    },
    start: (reference) =>
      call(`start ${taskOf(reference)}`, () => {
        change(reference, 'start', { status: ContainerStatus.RUNNING, pid: 42, health: options.health ?? 0 });
      }),
    drain: (reference) => call(`drain ${taskOf(reference)}`, () => undefined),
    stop: (reference) =>
      call(`stop ${taskOf(reference)}`, () => {
        change(reference, 'exit', { status: ContainerStatus.EXITED, pid: 0, exitCode: 143 });
      }),
    remove: (reference) =>
      call(`remove ${taskOf(reference)}`, () => {
        const container = byReference(reference);
        containers.delete(reference);
        emit('remove', container);
      }),
    list: async () => [...containers.values()],
    inspect: byReference,
    findByTask: byTask,
    findPreStarts: (taskId) =>
      [...containers.values()].filter((one) => one.taskId === taskId && one.preStart !== undefined),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    runHook: async (reference, hook) => {
      await call(`hook ${taskOf(reference)}`, () => undefined);
      return options.onHook?.(hook) ?? { code: 0, output: '' };
    },
    kill: unsupported,
    pause: unsupported,
    unpause: unsupported,
    processes: unsupported,
    connect: unsupported,
    disconnect: unsupported,
    wait: unsupported,
    logs: () => {
      throw new GantryError('UNSUPPORTED', 'not in memory');
    },
    stream: () => {
      throw new GantryError('UNSUPPORTED', 'not in memory');
    },
    export: () => {
      throw new GantryError('UNSUPPORTED', 'not in memory');
    },
    stat: unsupported,
    copyFrom: () => {
      throw new GantryError('UNSUPPORTED', 'not in memory');
    },
    copyTo: unsupported,
    changes: unsupported,
    commit: unsupported,
    volumesOf: () => [],
    recover: async () => undefined,
    stopAll: async () => undefined,
    close: async () => undefined,
  };
}
