/** Engine methods about containers. */
import { GantryError } from '../../proto/errors.ts';
import {
  type ContainerCopyTarget,
  type ContainerStreamRequest,
  type ContainerStreamResponse,
  FileChangeKind,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { BidiHandler } from '../../proto/server.ts';
import type { Containers } from '../container/containers.ts';
import type { ContainerHandlers } from './api.ts';
import { type DataArm, messagesOf, openMessages, valuesOf } from './opened-call.ts';
import { StatsReader } from './stats-reader.ts';

const CHANGE_KINDS = {
  added: FileChangeKind.ADDED,
  changed: FileChangeKind.CHANGED,
  deleted: FileChangeKind.DELETED,
} as const;

export function containerHandlers(containers: Containers): ContainerHandlers {
  const stats = new StatsReader(containers);
  return {
    async containerCreate({ config, files }) {
      if (config === undefined) throw missing('ContainerCreate', 'a config');
      const additions = files === undefined ? undefined : { taskId: '', files: files.files };
      return { id: await containers.create(config, additions), warnings: [] };
    },
    async containerStart({ reference }) {
      await containers.start(reference);
      return {};
    },
    async containerStop({ reference, timeoutMs }) {
      await containers.stop(reference, timeoutMs);
      return {};
    },
    async containerKill({ reference, signal }) {
      await containers.kill(reference, signal);
      return {};
    },
    async containerPause({ reference }) {
      await containers.pause(reference);
      return {};
    },
    async containerUnpause({ reference }) {
      await containers.unpause(reference);
      return {};
    },
    async containerTop({ reference, psArguments }) {
      const { titles, processes } = await containers.processes(reference, psArguments);
      return { titles: [...titles], processes: processes.map((values) => ({ values: [...values] })) };
    },
    async containerStats(request) {
      return { containers: await stats.of(request) };
    },
    async containerRemove({ reference, force, volumes }) {
      await containers.remove(reference, { force, volumes });
      return {};
    },
    async containerList({ all, filters }) {
      return { containers: await containers.list({ all, filters }) };
    },
    async containerInspect({ reference }) {
      return { container: containers.inspect(reference) };
    },
    async containerWait({ reference }, signal) {
      return { exitCode: await containers.wait(reference, signal) };
    },
    containerLogs({ reference, follow, tail, sinceMs, untilMs }, signal) {
      return containers.logs(reference, { follow, tail, sinceMs, untilMs }, signal);
    },
    async *containerExport({ reference }) {
      for await (const data of containers.export(reference)) yield { data };
    },
    async containerPathStat({ reference, path }) {
      const { name, stats, linkTarget } = await containers.stat(reference, path);
      const { mode, size: sizeBytes, mtimeMs } = stats;
      return { name, mode, sizeBytes, modifiedAtMs: Math.floor(mtimeMs), linkTarget };
    },
    async *containerCopyFrom({ reference, path, name }) {
      if (name === '') throw missing('ContainerCopyFrom', 'a name');
      for await (const data of containers.copyFrom(reference, path, name)) yield { data };
    },
    async containerCopyTo(requests, signal) {
      const { options, messages } = await openMessages<ContainerCopyTarget, DataArm>(
        'ContainerCopyTo',
        messagesOf(requests),
      );
      const { reference, path: directory, ownedByUser } = options;
      const owner = ownedByUser ? 'user' : 'archive';
      await containers.copyTo(reference, { directory, owner }, valuesOf(messages), signal);
      return {};
    },
    async containerChanges({ reference }) {
      const changes = await containers.changes(reference);
      return { changes: changes.map(({ path, kind }) => ({ path, kind: CHANGE_KINDS[kind] })) };
    },
    async containerCommit({ reference, name, author, message, changes, pause }) {
      return { imageId: await containers.commit(reference, { reference: name, author, message, changes, pause }) };
    },
    containerRun: streamMethod(containers, 'run'),
    containerAttach: streamMethod(containers, 'attach'),
    containerExec: streamMethod(containers, 'exec'),
  };
}

type FirstRequest = 'run' | 'attach' | 'exec';

/** The three share a protocol; each method takes only its own first request. */
function streamMethod(
  containers: Containers,
  first: FirstRequest,
): BidiHandler<ContainerStreamRequest, ContainerStreamResponse> {
  return (requests, signal) => containers.stream(startingWith(requests, first), signal);
}

async function* startingWith(
  requests: AsyncIterable<ContainerStreamRequest>,
  first: FirstRequest,
): AsyncGenerator<ContainerStreamRequest, void, undefined> {
  let started = false;
  for await (const request of requests) {
    if (!started && request.message?.$case !== first) throw missing(`this method of Engine`, `"${first}" first`);
    started = true;
    yield request;
  }
}

function missing(method: string, what: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${method} must be sent ${what}`);
}
