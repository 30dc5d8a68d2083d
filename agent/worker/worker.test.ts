import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { PublishMode, Secret, Task, TaskState, type TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import type { Containers } from '../container/containers.ts';
import { runnableImage } from '../image/runnable-image.testing.ts';
import type { ImageSource } from '../registry/image-source.ts';
import { type MemoryContainers, memoryContainers } from './memory-containers.testing.ts';
import type { TaskMaterial } from './task-container.ts';
import { Worker } from './worker.ts';

const NEVER = new Promise<never>(() => undefined);
const MATERIAL: TaskMaterial = {
  secrets: new Map([['s1', Secret.fromPartial({ id: 's1', spec: { data: Buffer.from('hunter2') } })]]),
  configs: new Map(),
  networks: new Set(['n1']),
  credentials: new Map(),
};
const images = {
  resolve: async (reference: string) => {
    if (reference === 'missing') throw new GantryError('IMAGE_NOT_FOUND', 'not there');
    return runnableImage();
  },
};
const imageSource: ImageSource = {
  bring: async () => {
    throw new GantryError('UNAVAILABLE', 'pulling missing: cannot reach registry-1.docker.io: connection refused');
  },
};

let dir: string;
const workers: Worker[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-worker-'));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  rmSync(dir, { recursive: true, force: true });
});

function newWorker(containers: Containers, aloneSinceMs?: number): Worker {
  const worker = new Worker({
    ...{ dir, containers, images, imageSource, logger: pino({ level: 'silent' }), now: () => 1000 },
    node: { hostname: 'alpha', platform: { os: 'linux', architecture: 'amd64' } },
    aloneSinceMs: () => aloneSinceMs,
  });
  worker.start(MATERIAL.networks);
  return worker;
}

/** One that the test can close; see the crash tests for those that can't be. */
function startWorker(containers: Containers, aloneSinceMs?: number): Worker {
  const worker = newWorker(containers, aloneSinceMs);
  workers.push(worker);
  return worker;
}

function task(changes: Parameters<typeof Task.fromPartial>[0] = {}): Task {
  return Task.fromPartial({
    id: 't1',
    serviceId: 'v1',
    serviceName: 'shop_web',
    slot: 2,
    nodeId: 'node1',
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.ASSIGNED },
    spec: {
      container: {
        image: 'web',
        secrets: [{ id: 's1', name: 'password', target: '/run/secrets/password', mode: 0o400 }],
      },
      networks: [{ target: 'n1', aliases: ['web'] }],
    },
    serviceLabels: { 'com.docker.stack.namespace': 'shop' },
    ...changes,
  });
}

function assign(worker: Worker, ...tasks: Task[]): Promise<void> {
  return worker.assign(new Map(tasks.map((item) => [item.id, item])), MATERIAL);
}

function statusOf(worker: Worker, id = 't1'): TaskStatus | undefined {
  return worker.statuses().find(({ taskId }) => taskId === id)?.status;
}

async function reaches(worker: Worker, state: TaskState): Promise<TaskStatus | undefined> {
  await vi.waitFor(() => expect(statusOf(worker)?.state).toBe(state));
  return statusOf(worker);
}

describe('a task', () => {
  it('is created, started and reported, forward only', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    const states: TaskState[] = [];
    worker.onStatus(({ status }) => states.push(status?.state ?? TaskState.UNRECOGNIZED));
    await assign(worker, task());
    const status = await reaches(worker, TaskState.RUNNING);
    expect(containers.calls).toEqual(['create t1', 'start t1']);
    expect(states).toEqual([...states].sort((one, other) => one - other));
    expect(status).toMatchObject({
      containerId: 'container-of-t1',
      pid: 42,
      addresses: [{ networkId: 'n1', address: '10.0.0.2' }],
    });
  });

  it('that was told to stop does not run again, whoever says so', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    await assign(worker, task({ desiredState: TaskState.SHUTDOWN }));
    await assign(worker, task());
    await reaches(worker, TaskState.SHUTDOWN);
    expect(containers.calls).toEqual(['create t1', 'start t1', 'drain t1', 'stop t1']);
  });

  it('becomes a container that says whose it is, with host ports only and its secret as a file', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    const ports = [
      { targetPort: 80, publishedPort: 8080, mode: PublishMode.INGRESS },
      { targetPort: 81, publishedPort: 8081, mode: PublishMode.HOST },
    ];
    await assign(worker, task({ ports }));
    await reaches(worker, TaskState.RUNNING);
    const config = containers.findByTask('t1')?.config;
    expect(config?.name).toBe('shop_web.2.t1');
    expect(config?.ports.map((port) => port.publishedPort)).toEqual([8081]);
    expect(config?.spec?.labels).toMatchObject({
      'com.docker.swarm.service.name': 'shop_web',
      'com.docker.swarm.task.id': 't1',
      'com.docker.stack.namespace': 'shop',
    });
    const [file] = containers.files.get('t1') ?? [];
    expect(file).toMatchObject({ target: '/run/secrets/password', mode: 0o400 });
    expect(Buffer.from(file?.data ?? []).toString()).toBe('hunter2');
  });

  it('becomes what its templates come to on this node', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    const container = {
      image: 'web',
      env: ['WHERE={{.Node.Hostname}} {{.Task.Slot}}'],
      hostname: 'web-{{.Task.Slot}}',
    };
    await assign(worker, task({ spec: { container } }));
    await reaches(worker, TaskState.RUNNING);
    expect(containers.findByTask('t1')?.config?.spec).toMatchObject({ env: ['WHERE=alpha 2'], hostname: 'web-2' });
  });

  it('is rejected when a template comes to nothing, with the reason', async () => {
    const worker = startWorker(memoryContainers());
    const env = ['ZONE={{index (split .Node.Hostname "-") 1}}'];
    await assign(worker, task({ spec: { container: { image: 'web', env } } }));
    const status = await reaches(worker, TaskState.REJECTED);
    expect(status?.error).toContain('expand the template in environment variable ZONE of shop_web: <index (split');
    expect(status?.error).toContain('index out of range: 1; mend it in the stack');
  });

  it('is rejected when its image is neither here nor to be had, with what to do', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    await assign(worker, task({ spec: { container: { image: 'missing' } } }));
    const status = await reaches(worker, TaskState.REJECTED);
    expect(status?.error).toMatch(
      /^No such image: missing: pulling missing: cannot reach .*: connection refused; .*gantry pull missing/,
    );
    expect(containers.calls).toEqual([]);
  });

  it('fails with the reason when it cannot be started', async () => {
    const before = (call: string) => {
      if (call === 'start t1') throw new GantryError('COMMAND_NOT_FOUND', 'exec: "nope": not found in PATH');
    };
    const worker = startWorker(memoryContainers({ before }));
    await assign(worker, task());
    expect((await reaches(worker, TaskState.FAILED))?.error).toBe('exec: "nope": not found in PATH');
  });

  it('waits for a secret that has not come yet', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    const tasks = new Map([['t1', task()]]);
    await worker.assign(tasks, { ...MATERIAL, secrets: new Map() });
    await vi.waitFor(() => expect(statusOf(worker)?.message).toBe('waiting for secret password'));
    await worker.assign(tasks, MATERIAL);
    await reaches(worker, TaskState.RUNNING);
  });

  it('completes or fails as its process ends', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    await assign(worker, task(), task({ id: 't2' }));
    await vi.waitFor(() => expect(statusOf(worker, 't2')?.state).toBe(TaskState.RUNNING));
    await reaches(worker, TaskState.RUNNING);
    containers.exit('t1', 0);
    containers.exit('t2', 137, true);
    await reaches(worker, TaskState.COMPLETE);
    await vi.waitFor(() =>
      expect(statusOf(worker, 't2')).toMatchObject({ state: TaskState.FAILED, oomKilled: true, exitCode: 137 }),
    );
    expect(containers.findByTask('t1')).toBeDefined();
  });

  it('is stopped and failed when it becomes unhealthy', async () => {
    const containers = memoryContainers({ health: HealthStatus.STARTING });
    const worker = startWorker(containers);
    await assign(worker, task());
    await vi.waitFor(() => expect(statusOf(worker)?.message).toBe('waiting until it is healthy'));
    containers.setHealth('t1', HealthStatus.HEALTHY);
    await reaches(worker, TaskState.RUNNING);
    containers.setHealth('t1', HealthStatus.UNHEALTHY, 'no answer');
    expect((await reaches(worker, TaskState.FAILED))?.error).toBe('unhealthy: no answer');
    expect(containers.calls.at(-1)).toBe('stop t1');
  });

  it('is shut down, keeps its container, and is cleared away when it is no longer assigned', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    await assign(worker, task({ desiredState: TaskState.SHUTDOWN }));
    await reaches(worker, TaskState.SHUTDOWN);
    expect(containers.findByTask('t1')).toBeDefined();
    await assign(worker);
    await vi.waitFor(() => expect(readdirSync(join(dir, 'tasks'))).toEqual([]));
    expect(containers.calls).toEqual(['create t1', 'start t1', 'drain t1', 'stop t1', 'remove t1']);
  });

  it('is tried again when the host is in the way', async () => {
    let failures = 1;
    const before = (call: string) => {
      if (call === 'stop t1' && failures-- > 0) throw new GantryError('HOST', 'cannot stop');
    };
    const worker = startWorker(memoryContainers({ before }));
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    await assign(worker, task({ desiredState: TaskState.SHUTDOWN }));
    await vi.waitFor(() => expect(statusOf(worker)?.state).toBe(TaskState.SHUTDOWN), { timeout: 3000 });
  });

  it('is started again where no manager could replace it', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers, -60_000);
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    containers.exit('t1', 1, false, -10_000);
    await vi.waitFor(() => expect(containers.calls).toEqual(['create t1', 'start t1', 'start t1']));
    expect(statusOf(worker)).toMatchObject({ state: TaskState.RUNNING, error: '' });
    // The clock of the test stands still: this end is a moment ago.
    containers.exit('t1', 1, false, 1000);
    await vi.waitFor(() => expect(containers.findByTask('t1')?.state?.exitCode).toBe(1));
    expect(statusOf(worker)?.state).toBe(TaskState.RUNNING);
  });

  it('says what is in the way meanwhile, and that it is no longer', async () => {
    const worker = startWorker(memoryContainers());
    const messages: (string | undefined)[] = [];
    worker.onStatus(({ status }) => messages.push(status?.message));
    rmSync(join(dir, 'tasks'), { recursive: true });
    await expect(assign(worker, task())).rejects.toThrow('ENOENT');
    expect(messages[0]).toMatch(/^trying again: .*ENOENT/);
    mkdirSync(join(dir, 'tasks'));
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    await vi.waitFor(() => expect(messages.at(-1)).toBe('started'));
  });
});

describe('post_start hooks', () => {
  const hooks = [{ argv: ['first'] }, { argv: ['second'] }];
  const hooked = () => task({ spec: { container: { image: 'web', postStart: hooks } } });

  it('run before the task does', async () => {
    const ran: string[] = [];
    const containers = memoryContainers({
      onHook: ({ argv }) => {
        ran.push(...argv);
        return { code: 0, output: '' };
      },
    });
    const worker = startWorker(containers);
    await assign(worker, hooked());
    await reaches(worker, TaskState.RUNNING);
    expect(containers.calls).toEqual(['create t1', 'start t1', 'hook t1', 'hook t1']);
    expect(ran).toEqual(['first', 'second']);
  });

  it('that fail make it fail, with their last words', async () => {
    const containers = memoryContainers({ onHook: () => ({ code: 3, output: 'trying\nno such table\n' }) });
    const worker = startWorker(containers);
    await assign(worker, hooked());
    const status = await reaches(worker, TaskState.FAILED);
    expect(status?.error).toBe('post_start hook 1: exit code 3: no such table');
    expect(containers.calls).toEqual(['create t1', 'start t1', 'hook t1', 'stop t1']);
  });

  it('go on with the one that the agent was killed in', async () => {
    const hanging = { second: true };
    const containers = memoryContainers({
      after: () => (containers.calls.length === 4 && hanging.second ? NEVER : undefined),
    });
    const first = newWorker(containers);
    await assign(first, hooked());
    await vi.waitFor(() => expect(containers.calls).toHaveLength(4));
    hanging.second = false;
    const second = startWorker(containers);
    await assign(second, hooked());
    await reaches(second, TaskState.RUNNING);
    expect(containers.calls).toEqual(['create t1', 'start t1', 'hook t1', 'hook t1', 'hook t1']);
  });
});

describe('after the agent was killed', () => {
  it('goes on with what runs, and restarts nothing', async () => {
    const containers = memoryContainers();
    const first = newWorker(containers);
    await assign(first, task());
    await reaches(first, TaskState.RUNNING);
    const second = startWorker(containers);
    expect(statusOf(second)).toMatchObject({ state: TaskState.RUNNING, pid: 42 });
    containers.exit('t1', 1);
    await reaches(second, TaskState.FAILED);
    expect(containers.calls).toEqual(['create t1', 'start t1']);
  });

  it('has written no secret to disk', async () => {
    const worker = startWorker(memoryContainers());
    await assign(worker, task());
    await reaches(worker, TaskState.RUNNING);
    const text = readdirSync(join(dir, 'tasks')).map((name) => readFileSync(join(dir, 'tasks', name), 'utf8'));
    expect(text.join()).toContain('shop_web');
    expect(text.join()).not.toMatch(/hunter2|104,117,110/);
  });

  const calls = ['create t1', 'start t1', 'drain t1', 'stop t1', 'remove t1'];
  const moments = calls.flatMap((call) => [['before', call] as const, ['after', call] as const]);
  it.each(moments)('%s "%s": the next one gets to the same end, nothing done twice', async (moment, killedAt) => {
    let agent: 'alive' | 'killed' | 'restarted' = 'alive';
    const kill = (call: string) => {
      if (call !== killedAt || agent !== 'alive') return undefined;
      agent = 'killed';
      return NEVER;
    };
    const containers = memoryContainers({ [moment]: kill });
    // The worker that hangs stands for the one that was killed: it does nothing any more.
    let worker = newWorker(containers);
    const step = async (tasks: Task[], done: () => boolean) => {
      await assign(worker, ...tasks);
      await vi.waitFor(() => expect(agent === 'killed' || done()).toBe(true));
      if (!done()) {
        agent = 'restarted';
        worker = startWorker(containers);
        await assign(worker, ...tasks);
        await vi.waitFor(() => expect(done()).toBe(true));
      }
    };
    await step([task()], () => statusOf(worker)?.state === TaskState.RUNNING);
    await step([task({ desiredState: TaskState.SHUTDOWN })], () => statusOf(worker)?.state === TaskState.SHUTDOWN);
    await step([], () => containers.findByTask('t1') === undefined && readdirSync(join(dir, 'tasks')).length === 0);
    // To look who waits for an answer changes nothing.
    const changes = (list: readonly string[]) => list.filter((call) => call !== 'drain t1');
    expect(changes(containers.calls)).toEqual(changes(calls));
  });

  it('clears away the container of a task whose record cannot be read', async () => {
    const containers: MemoryContainers = memoryContainers();
    const first = newWorker(containers);
    await assign(first, task());
    await reaches(first, TaskState.RUNNING);
    writeFileSync(join(dir, 'tasks', 't1.json'), '{"task":');
    const second = startWorker(containers);
    await assign(second);
    await vi.waitFor(() => expect(containers.findByTask('t1')).toBeUndefined());
  });
});

describe('leaving', () => {
  it('resolves when nothing is left of any task', async () => {
    const containers = memoryContainers();
    const worker = startWorker(containers);
    await assign(worker, task(), task({ id: 't2' }));
    await vi.waitFor(() => expect(statusOf(worker, 't2')?.state).toBe(TaskState.RUNNING));
    await worker.removeAll(AbortSignal.timeout(5000));
    expect(await containers.list({ all: true, filters: [] })).toEqual([]);
    expect(readdirSync(join(dir, 'tasks'))).toEqual([]);
  });
});
