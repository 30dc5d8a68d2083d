/** The containers of one host. The work is in the files beside this one; here it is put together. */

import { GantryError } from '../../proto/errors.ts';
import type {
  Container,
  ContainerConfig,
  ContainerStreamRequest,
  ContainerStreamResponse,
  LogLine,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Hook, NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerId, Digest } from '../../proto/ids.ts';
import { keepsLog } from '../../proto/log/log-driver.ts';
import type { Change } from '../image/layer/changes.ts';
import { runCommand } from './bounded-exec.ts';
import { commitContainer } from './commit.ts';
import { connect, disconnect } from './connections.ts';
import type { ContainerEntry } from './container-entry.ts';
import { ContainerIndex } from './container-index.ts';
import { recordsRoot } from './container-paths.ts';
import type {
  CommandResult,
  CommitOptions,
  ContainerEvent,
  Containers,
  CopyTarget,
  LogQuery,
  PathStat,
  ProcessTable,
  TaskContainer,
} from './containers.ts';
import type { ContainerContext, ContainerParts } from './context.ts';
import { copyFrom, copyTo, statPath } from './copy/copy.ts';
import { createContainer } from './create.ts';
import { execProbe } from './exec-probe.ts';
import { exportContainer } from './export.ts';
import { ancestorsOf, isListed, matchesFilters, parseFilters } from './filters.ts';
import { Lifecycle } from './lifecycle.ts';
import { followLog } from './log-forwarding.ts';
import { RecordStore } from './record-store.ts';
import { recoverContainers } from './recover.ts';
import { ContainerStreams } from './streams.ts';
import { processesOf } from './top.ts';

/** What every container has something mounted on, whether or not its image has the place. */
const OWN_MOUNT_POINTS: readonly string[] = [
  ...['/dev', '/dev/console', '/dev/mqueue', '/dev/pts', '/dev/shm', '/proc', '/sys'],
  ...['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/sbin/docker-init'],
];

export class ContainerEngine implements Containers {
  readonly #context: ContainerContext;
  readonly #lifecycle: Lifecycle;
  readonly #streams: ContainerStreams;
  readonly #listeners = new Set<(event: ContainerEvent) => void>();

  constructor(parts: ContainerParts) {
    this.#context = {
      ...parts,
      index: new ContainerIndex(),
      store: new RecordStore(recordsRoot(parts.roots.dataRoot), parts.logger),
      emit: (kind, entry) => this.#emit(kind, entry),
    };
    this.#lifecycle = new Lifecycle(this.#context, {
      probe: (entry) => execProbe(this.#context, entry),
      runHook: (entry, hook, signal) => runCommand(this.#context, entry, hook, signal),
    });
    this.#streams = new ContainerStreams(this.#context, this.#lifecycle);
  }

  async create(config: ContainerConfig, task?: TaskContainer): Promise<ContainerId> {
    const entry = await createContainer(this.#context, { config, task, stdinOnce: false, startsNext: false });
    return entry.id;
  }

  async start(reference: string): Promise<void> {
    await this.#lifecycle.start(this.#get(reference));
  }

  async drain(reference: string): Promise<void> {
    await this.#lifecycle.drain(this.#get(reference));
  }

  async stop(reference: string, timeoutMs: number | undefined): Promise<void> {
    await this.#lifecycle.stop(this.#get(reference), timeoutMs, 'user');
  }

  async kill(reference: string, signal: string): Promise<void> {
    await this.#lifecycle.kill(this.#get(reference), signal);
  }

  async pause(reference: string): Promise<void> {
    await this.#lifecycle.pause(this.#get(reference));
  }

  async unpause(reference: string): Promise<void> {
    await this.#lifecycle.unpause(this.#get(reference));
  }

  async processes(reference: string, psArguments: readonly string[]): Promise<ProcessTable> {
    return await processesOf(this.#context, this.#get(reference), psArguments);
  }

  async remove(reference: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void> {
    await this.#lifecycle.remove(this.#get(reference), options);
  }

  async connect(reference: string, network: NetworkAttachmentConfig): Promise<void> {
    await connect(this.#context, this.#get(reference), network);
  }

  async disconnect(reference: string, network: string, force: boolean): Promise<void> {
    await disconnect(this.#context, this.#get(reference), network, force);
  }

  async list(options: { readonly all: boolean; readonly filters: readonly string[] }): Promise<Container[]> {
    const filters = parseFilters(options.filters);
    const imageIds = await this.#imageIds(ancestorsOf(filters));
    return this.#context.index
      .entries()
      .map((entry) => entry.toContainer())
      .filter(
        (container) => isListed(container, options.all, filters) && matchesFilters(container, filters, { imageIds }),
      )
      .sort((left, right) => right.createdAtMs - left.createdAtMs);
  }

  async #imageIds(references: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const reference of references) {
      try {
        found.set(reference, (await this.#context.images.resolve(reference)).id);
      } catch (error) {
        // A container may well be of an image whose name is gone: then the name that it was made by counts.
        if (!(error instanceof GantryError) || error.code !== 'IMAGE_NOT_FOUND') throw error;
      }
    }
    return found;
  }

  inspect(reference: string): Container {
    return this.#get(reference).toContainer();
  }

  runHook(reference: string, hook: Hook, signal: AbortSignal): Promise<CommandResult> {
    return runCommand(this.#context, this.#get(reference), hook, signal);
  }

  async wait(reference: string, signal: AbortSignal): Promise<number> {
    const entry = this.#get(reference);
    if (!entry.isActive) return entry.record.state.exitCode;
    return abortable(entry.rest.promise, signal);
  }

  logs(reference: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    const entry = this.#get(reference);
    if (!keepsLog(entry.record.config.log)) {
      throw new GantryError('UNSUPPORTED', 'configured logging driver does not support reading', {
        hint: `container ${entry.record.name} was made with the log driver "none"; attach to it instead`,
      });
    }
    const ended = entry.isActive ? entry.rest.promise.then(() => undefined) : Promise.resolve();
    return this.#context.readLog(entry.logPath, query, ended, signal);
  }

  stream(requests: AsyncIterable<ContainerStreamRequest>, signal: AbortSignal): AsyncIterable<ContainerStreamResponse> {
    return this.#streams.open(requests, signal);
  }

  export(reference: string): AsyncIterable<Buffer> {
    return exportContainer(this.#context, this.#get(reference));
  }

  async stat(reference: string, path: string): Promise<PathStat> {
    return await statPath(this.#context, this.#get(reference), path);
  }

  copyFrom(reference: string, path: string, name: string): AsyncIterable<Buffer> {
    return copyFrom(this.#context, this.#get(reference), path, name);
  }

  async copyTo(
    reference: string,
    target: CopyTarget,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await copyTo(this.#context, this.#get(reference), target, archive, signal);
  }

  async changes(reference: string): Promise<readonly Change[]> {
    return await this.#context.snapshots.changes(this.#get(reference).id, OWN_MOUNT_POINTS);
  }

  async commit(reference: string, options: CommitOptions): Promise<Digest> {
    return await commitContainer(this.#context, this.#get(reference), options);
  }

  volumesOf(reference: string): string[] {
    return this.#get(reference).record.volumes.map(({ name }) => name);
  }

  findByTask(taskId: string): Container | undefined {
    return this.#context.index
      .entries()
      .find(({ record }) => record.taskId === taskId && record.preStart === undefined)
      ?.toContainer();
  }

  findPreStarts(taskId: string): Container[] {
    const entries = [...this.#context.index.entries()];
    return entries
      .filter(({ record }) => record.taskId === taskId && record.preStart !== undefined)
      .map((entry) => entry.toContainer());
  }

  subscribe(listener: (event: ContainerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(kind: ContainerEvent['kind'], entry: ContainerEntry): void {
    if (kind === 'start') followLog(this.#context, entry);
    if (kind === 'exit') this.#context.logForwarding.end(entry.id);
    const event: ContainerEvent = { id: entry.id, kind, container: entry.toContainer() };
    for (const listener of this.#listeners) listener(event);
  }

  async recover(): Promise<void> {
    await recoverContainers(this.#context, this.#lifecycle);
    // What has ended may have written more than could be sent.
    for (const entry of this.#context.index.entries()) followLog(this.#context, entry);
  }

  /** All of them, whatever goes wrong with one. Their policies start them again with the next gantryd. */
  async stopAll(): Promise<void> {
    const active = this.#context.index.entries().filter((entry) => entry.isActive);
    const results = await Promise.allSettled(active.map((entry) => this.#lifecycle.stop(entry, undefined, 'system')));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} containers could not be stopped`);
  }

  async close(): Promise<void> {
    this.#lifecycle.close();
  }

  #get(reference: string): ContainerEntry {
    return this.#context.index.get(reference);
  }
}

/** CANCELLED when the signal aborts first. */
function abortable<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new GantryError('CANCELLED', 'the client does not wait any more'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
}
