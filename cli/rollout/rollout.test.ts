import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import {
  ChangeKind,
  NodeListResponse,
  ObjectKind,
  ServiceLogLine,
  StackDeployResponse,
  StackRemoveResponse,
  TaskContainersGoneResponse,
  TaskListResponse,
  WatchEvent,
  type WatchRequest,
} from '../../proto/generated/gantry/v1/control.ts';
import { ImageInspectResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { NodeState, Service, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { FakeDaemon, runCli } from '../fake-daemon.testing.ts';

const STACK = `services:
  web:
    image: web:1
    ports:
      - 8080:80
`;

let daemon: FakeDaemon;
let directory = '';

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-cli-test-'));
  writeFileSync(join(directory, 'stack.yml'), STACK);
});

afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function gantry(methods: UntypedServiceImplementation, argv: string[]) {
  await daemon.start(methods);
  return await runCli(daemon.host, argv, { cwd: directory });
}

const service = Service.fromPartial({
  id: 's1',
  specVersion: 1,
  spec: { annotations: { name: 'shop_web' }, mode: { $case: 'replicated', value: { replicas: 1 } } },
});

function serviceEvent(): WatchEvent {
  return WatchEvent.fromPartial({ kind: ObjectKind.SERVICE, object: { $case: 'service', value: service } });
}

function taskEvent(id: string, state: TaskState, error = ''): WatchEvent {
  const task = Task.fromPartial({
    id,
    serviceId: 's1',
    serviceName: 'shop_web',
    slot: 1,
    nodeId: 'n1',
    specVersion: 1,
    desiredState: error === '' ? TaskState.RUNNING : TaskState.SHUTDOWN,
    status: { state, error, containerId: 'c1' },
  });
  return WatchEvent.fromPartial({ kind: ObjectKind.TASK, object: { $case: 'task', value: task } });
}

const SYNCED = WatchEvent.fromPartial({ synced: true });
const RESET = WatchEvent.fromPartial({ reset: true });

function synced(revision: number): WatchEvent {
  return { ...SYNCED, revision };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Sends the events and then stays open, as a watch does. */
function watching(...events: WatchEvent[]) {
  return serverStreamMethod(async function* (_request: unknown, signal: AbortSignal) {
    yield* events;
    await aborted(signal);
  });
}

const IMAGE_THERE = {
  imageInspect: unaryMethod(async () => ImageInspectResponse.fromPartial({ image: { id: 'sha256:1' } })),
};
const ONE_NODE = {
  nodeList: unaryMethod(async () =>
    NodeListResponse.fromPartial({ nodes: [{ id: 'n1', spec: {}, status: { state: NodeState.READY } }] }),
  ),
};
const DEPLOYED = {
  stackDeploy: unaryMethod(async () =>
    StackDeployResponse.fromPartial({
      changes: [
        { change: ChangeKind.CREATE, kind: ObjectKind.NETWORK, id: 'x', name: 'shop_default' },
        { change: ChangeKind.CREATE, kind: ObjectKind.SERVICE, id: 's1', name: 'shop_web' },
      ],
    }),
  ),
};
const ALL = { ...IMAGE_THERE, ...ONE_NODE, ...DEPLOYED };
const DEPLOY = ['stack', 'deploy', '-c', 'stack.yml', 'shop'];

describe('stack deploy', () => {
  it('waits until everything runs, and shows how far it is', async () => {
    const watch = watching(
      serviceEvent(),
      SYNCED,
      taskEvent('t1', TaskState.PREPARING),
      taskEvent('t1', TaskState.RUNNING),
    );
    const { exitCode, stdout, stderr } = await gantry({ ...ALL, watch }, DEPLOY);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'Creating network shop_default',
      'Creating service shop_web',
      'shop_web: 0/1 running (waiting for its tasks)',
      'shop_web: 0/1 running (preparing)',
      'shop_web: 1/1 running',
      '',
    ]);
  });

  it('goes on where it was when its manager goes away and another one answers', async () => {
    const asked: number[] = [];
    const watch = serverStreamMethod(async function* ({ fromRevision }: WatchRequest, signal: AbortSignal) {
      asked.push(fromRevision);
      if (asked.length === 1) {
        yield* [RESET, serviceEvent(), synced(7), { ...taskEvent('t1', TaskState.PREPARING), revision: 8 }];
        throw new GantryError('UNAVAILABLE', 'this manager does not lead any more');
      }
      if (asked.length === 2) throw new GantryError('UNAVAILABLE', 'nobody leads');
      yield* [{ ...taskEvent('t1', TaskState.RUNNING), revision: 9 }, synced(9)];
      await aborted(signal);
    });
    const { exitCode, stdout, stderr } = await gantry({ ...ALL, watch }, DEPLOY);
    expect({ exitCode, stderr, asked }).toEqual({ exitCode: 0, stderr: '', asked: [0, 8, 8] });
    expect(stdout).toContain('watch: interrupted, trying again: nobody leads\nshop_web: 1/1 running\n');
  });

  it('forgets what it was told when its manager cannot go on from there', async () => {
    let asked = 0;
    const watch = serverStreamMethod(async function* (_request: WatchRequest, signal: AbortSignal) {
      asked += 1;
      yield* [RESET, serviceEvent(), taskEvent(`t${asked}`, asked === 1 ? TaskState.STARTING : TaskState.RUNNING)];
      if (asked === 1) yield* [synced(7), taskEvent('t1', TaskState.STARTING)];
      if (asked === 1) throw new GantryError('UNAVAILABLE', 'this manager does not lead any more');
      yield synced(9);
      await aborted(signal);
    });
    const { exitCode, stdout } = await gantry({ ...ALL, watch }, DEPLOY);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('shop_web: 1/1 running\n');
  });

  it('waits but a little for a manager when there is none at the beginning', async () => {
    const watch = serverStreamMethod<unknown, WatchEvent>(() => {
      throw new GantryError('UNAVAILABLE', 'nobody leads');
    });
    const { exitCode, stderr } = await gantry({ ...ALL, watch }, DEPLOY);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('nobody leads');
  });

  it('prints nothing with --quiet, and does not wait with --detach', async () => {
    expect(await gantry({ ...ALL }, [...DEPLOY, '--detach', '-q'])).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  it("fails with the failing task's own error after its last log lines", async () => {
    const failures = ['t1', 't2', 't3'].map((id) => taskEvent(id, TaskState.FAILED, 'exit code 3'));
    const serviceLogs = serverStreamMethod(async function* ({ reference, tail }: { reference: string; tail?: number }) {
      yield ServiceLogLine.fromPartial({ stream: 1, data: Buffer.from(`log of ${reference}, last ${tail}\n`) });
    });
    const { exitCode, stderr } = await gantry(
      { ...ALL, serviceLogs, watch: watching(serviceEvent(), SYNCED, ...failures) },
      DEPLOY,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'last log lines of shop_web.1:\n    log of t3, last 10\n' +
        "gantry: service shop_web failed: shop_web.1: failed: exit code 3; 'gantry service ps --no-trunc shop_web' lists all its tasks\n",
    );
  });

  it('fails when the time is over, saying what it waited for', async () => {
    const watch = watching(serviceEvent(), SYNCED, taskEvent('t1', TaskState.STARTING));
    const { exitCode, stderr } = await gantry({ ...ALL, watch }, [...DEPLOY, '--timeout', '200ms']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('gantry: not converged within 200ms: shop_web: 0/1 running (starting); it goes on');
  });

  it('names the line of a missing image before anything is made', async () => {
    const imageInspect = unaryMethod(async () => {
      throw new GantryError('IMAGE_NOT_FOUND', 'no such image');
    });
    const distributionInspect = unaryMethod(async () => {
      throw new GantryError('PERMISSION_DENIED', 'pull access denied for web');
    });
    const serviceList = unaryMethod(async () => ({ services: [] }));
    const { exitCode, stdout, stderr } = await gantry({ imageInspect, distributionInspect, serviceList }, DEPLOY);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toBe(
      "gantry: stack.yml:3:5: services.web.image: no such image \"web:1\"; pull it with 'gantry pull web:1', or build it with 'gantry build -t web:1 DIR' (pull access denied for web)\n",
    );
  });

  it('names the line of a port that is taken', async () => {
    const stackDeploy = unaryMethod(async () => {
      throw new GantryError('PORT_IN_USE', 'port 8080/tcp is taken by another process', { hint: 'publish another' });
    });
    const { exitCode, stderr } = await gantry({ ...IMAGE_THERE, stackDeploy }, DEPLOY);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^gantry: stack.yml:5:9: services.web.ports: port 8080\/tcp is taken by another process; publish another\n$/,
    );
  });
});

describe('stack rm', () => {
  const TASKS = {
    taskList: unaryMethod(async () => TaskListResponse.fromPartial({ tasks: [{ id: 't1', nodeId: 'n1' }] })),
    taskContainersGone: unaryMethod(async () => TaskContainersGoneResponse.fromPartial({})),
  };

  it.each([
    ['is gone', [], ''],
    [
      'is gone but for a network that others use',
      [{ name: 'shop_net', users: ['service other_web', 'container shell on h1'] }],
      'gantry: network shop_net is in use by service other_web, container shell on h1; ' +
        "take it off the network, and run 'gantry stack rm shop' again\n",
    ],
  ])('waits until everything %s', async (_, networksInUse, failure) => {
    const removed = { ...serviceEvent(), removed: true };
    const stackRemove = unaryMethod(async () =>
      StackRemoveResponse.fromPartial({
        changes: [{ change: ChangeKind.REMOVE, kind: ObjectKind.SERVICE, id: 's1', name: 'shop_web' }],
        networksInUse,
      }),
    );
    const methods = { stackRemove, ...TASKS, watch: watching(serviceEvent(), SYNCED, removed) };
    const { exitCode, stdout, stderr } = await gantry(methods, ['stack', 'rm', 'shop']);
    expect([exitCode, stderr]).toEqual(failure === '' ? [0, ''] : [1, failure]);
    expect(stdout).toBe('Removing service shop_web\nservice shop_web: removing\nservice shop_web: removed\n');
  });
});
