/** What the engine's API, the worker and the builder ask of containers. */
import type { Stats } from 'node:fs';
import type {
  Container,
  ContainerConfig,
  ContainerStreamRequest,
  ContainerStreamResponse,
  LogLine,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Hook, NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerId, Digest } from '../../proto/ids.ts';
import type { Change } from '../image/layer/changes.ts';

/** What a task adds to a container of its own; one of no task may have files, too. */
export interface TaskContainer {
  /** Empty: of no task. */
  readonly taskId: string;
  /** The number of its pre_start hook, from 1; left out: it is the task's own container. */
  readonly preStart?: number;
  /** Files to be put on a tmpfs in the container: secrets and configs, by target path. */
  readonly files: readonly TaskFile[];
}

export interface TaskFile {
  readonly target: string;
  readonly data: Uint8Array;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Of a command in a container. */
export interface CommandResult {
  readonly code: number;
  /** Both streams as they came. */
  readonly output: string;
}

/** Of a path in a container. */
export interface PathStat {
  readonly name: string;
  /** Of a link itself, unless the path ends with a slash. */
  readonly stats: Stats;
  /** Where a link leads in the end; otherwise empty. */
  readonly linkTarget: string;
}

/** Where files are copied to. */
export interface CopyTarget {
  /** Path of a directory that is there. */
  readonly directory: string;
  /** `user`: all is the container's user's, where it has one. */
  readonly owner: 'archive' | 'user';
}

/** As `ps` prints it. */
export interface ProcessTable {
  readonly titles: readonly string[];
  /** Each with a value for each title. */
  readonly processes: readonly (readonly string[])[];
}

export interface LogQuery {
  readonly follow: boolean;
  readonly tail: number | undefined;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface CommitOptions {
  readonly author: string;
  readonly message: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Empty: untagged. */
  readonly reference: string;
  /** Freeze it while its files are read. */
  readonly pause: boolean;
}

/** Every change of a container's state, and of its health. */
export interface ContainerEvent {
  readonly id: ContainerId;
  readonly kind: 'create' | 'start' | 'health' | 'exit' | 'remove';
  readonly container: Container;
}

export interface Containers {
  /** `reference`: id, unambiguous id prefix, or name, as everywhere below. */
  create(config: ContainerConfig, task?: TaskContainer): Promise<ContainerId>;
  /** Returns when the process runs. COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, PORT_IN_USE ... */
  start(reference: string): Promise<void>;
  /** Returns when nobody waits for an answer of the container, or its stop grace period is over. */
  drain(reference: string): Promise<void>;
  /** Signal, wait, kill. Idempotent. Undefined: the container's own grace period. */
  stop(reference: string, timeoutMs: number | undefined): Promise<void>;
  kill(reference: string, signal: string): Promise<void>;
  /** Until it is unpaused, stopped or killed. WRONG_STATE when it doesn't run, or is paused. */
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  /** `psArguments`: of the host's `ps`; none: -ef. */
  processes(reference: string, psArguments: readonly string[]): Promise<ProcessTable>;
  remove(reference: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>;
  /** Running or not. NOT_FOUND, ALREADY_EXISTS, WRONG_STATE, PERMISSION_DENIED, IN_USE for its address. */
  connect(reference: string, network: NetworkAttachmentConfig): Promise<void>;
  /** With `force` it is no error that it isn't on the network. */
  disconnect(reference: string, network: string, force: boolean): Promise<void>;
  list(options: { readonly all: boolean; readonly filters: readonly string[] }): Promise<Container[]>;
  /** Throws NOT_FOUND, AMBIGUOUS. */
  inspect(reference: string): Container;
  /** A command in a running container, until it ends or the signal aborts. WRONG_STATE, COMMAND_NOT_FOUND ... */
  runHook(reference: string, hook: Hook, signal: AbortSignal): Promise<CommandResult>;
  /** Exit code of the present or last run. */
  wait(reference: string, signal: AbortSignal): Promise<number>;
  logs(reference: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** The stream protocol of engine.proto; the first request decides: run, attach or exec. */
  stream(requests: AsyncIterable<ContainerStreamRequest>, signal: AbortSignal): AsyncIterable<ContainerStreamResponse>;
  /** The file system as a tar, without volumes. */
  export(reference: string): AsyncIterable<Buffer>;
  /** See statPath; running or not, as the two below. */
  stat(reference: string, path: string): Promise<PathStat>;
  /** A tar of what lies at the path, whose entries are called `name`. */
  copyFrom(reference: string, path: string, name: string): AsyncIterable<Buffer>;
  /** Unpacks a tar there. */
  copyTo(reference: string, target: CopyTarget, archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** What differs from its image, without volumes. */
  changes(reference: string): Promise<readonly Change[]>;
  /** Makes an image of it; returns the image's id. */
  commit(reference: string, options: CommitOptions): Promise<Digest>;
  /** Names of its volumes, also anonymous ones. */
  volumesOf(reference: string): string[];
  /** Containers by the task they belong to. */
  findByTask(taskId: string): Container | undefined;
  /** Of its pre_start hooks: those that there are. */
  findPreStarts(taskId: string): Container[];
  /** Returns the unsubscribe function. Listeners must not throw. */
  subscribe(listener: (event: ContainerEvent) => void): () => void;
  /** Finds running containers again after a start of the agent, and cleans up what a crash left. */
  recover(): Promise<void>;
  /** Stops every container. For `system stop`. */
  stopAll(): Promise<void>;
  /** Lets go of shims and timers; containers go on. */
  close(): Promise<void>;
}
