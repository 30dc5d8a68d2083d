/** Tasks whose images aren't on their node yet. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { PullPolicy, Task, TaskState, type TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import type { Digest } from '../../proto/ids.ts';
import { runnableImage } from '../image/runnable-image.testing.ts';
import { memoryContainers } from './memory-containers.testing.ts';
import { withoutCredentials } from './pull-credentials.ts';
import { Worker } from './worker.ts';

const SECRET = 's3cret';

let dir: string;
let containers: ReturnType<typeof memoryContainers>;
/** Names of images that are here. */
const here = new Set<string>();
/** What registries were asked for, and by whom; `end` lets it come, or not. */
interface Pull {
  readonly reference: string;
  readonly password: string | undefined;
  readonly signal: AbortSignal;
  readonly end: (failure?: GantryError) => void;
}
const pulls: Pull[] = [];
const workers: Worker[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-pulls-'));
  containers = memoryContainers();
  here.clear();
  pulls.splice(0);
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  rmSync(dir, { recursive: true, force: true });
});

function bring(
  reference: string,
  credentials: RegistryCredentials | undefined,
  _tell: unknown,
  signal: AbortSignal,
): Promise<Digest> {
  const { promise, resolve, reject } = Promise.withResolvers<Digest>();
  const end = (failure?: GantryError) => {
    if (failure === undefined) here.add(reference);
    if (failure === undefined) resolve(runnableImage().id);
    else reject(failure);
  };
  signal.addEventListener('abort', () => end(new GantryError('CANCELLED', 'cancelled')), { once: true });
  pulls.push({ reference, password: credentials?.password, signal, end });
  return promise;
}

function startWorker(): Worker {
  const resolve = async (reference: string) => {
    if (!here.has(reference)) throw new GantryError('IMAGE_NOT_FOUND', 'not there');
    return runnableImage();
  };
  const worker = new Worker({
    ...{ dir, containers, images: { resolve }, imageSource: { bring }, logger: pino({ level: 'silent' }) },
    node: { hostname: 'alpha', platform: { os: 'linux', architecture: 'amd64' } },
    aloneSinceMs: () => undefined,
    now: () => 1000,
  });
  worker.start(new Set());
  workers.push(worker);
  return worker;
}

interface TaskChanges {
  readonly image?: string;
  readonly password?: string;
  readonly desiredState?: TaskState;
  readonly pullPolicy?: PullPolicy;
}

function task(id: string, { image = 'web:1', password, desiredState, pullPolicy }: TaskChanges = {}): Task {
  return Task.fromPartial({
    ...{ id, serviceId: 's1', serviceName: 'web', slot: 1, nodeId: 'n1' },
    desiredState: desiredState ?? TaskState.RUNNING,
    status: { state: TaskState.ASSIGNED },
    spec: { container: { image, pullPolicy: pullPolicy ?? PullPolicy.MISSING } },
    ...(password === undefined
      ? {}
      : {
          pullCredentials: Buffer.from(
            RegistryCredentials.encode(RegistryCredentials.fromPartial({ password })).finish(),
          ),
        }),
  });
}

async function assign(worker: Worker, ...tasks: Task[]): Promise<void> {
  const { bare, credentials } = withoutCredentials(new Map(tasks.map((one) => [one.id, one])));
  await worker.assign(bare, { secrets: new Map(), configs: new Map(), networks: new Set(), credentials });
}

function statusOf(worker: Worker, id = 't1'): TaskStatus | undefined {
  return worker.statuses().find(({ taskId }) => taskId === id)?.status;
}

const reaches = (worker: Worker, state: TaskState, id = 't1') =>
  vi.waitFor(() => expect(statusOf(worker, id)?.state).toBe(state));
const asked = (count: number) => vi.waitFor(() => expect(pulls).toHaveLength(count));

describe('a task whose image is not on its node', () => {
  it('says that it is pulling it, and runs when it is there; others share the pull', async () => {
    const worker = startWorker();
    await assign(worker, task('t1'), task('t2'), task('t3', { image: 'other' }));
    await asked(2);
    await vi.waitFor(() => expect(statusOf(worker, 't2')?.message).toBe('pulling web:1'));
    expect(statusOf(worker)).toMatchObject({ state: TaskState.PREPARING, message: 'pulling web:1' });
    pulls[0]?.end();
    await reaches(worker, TaskState.RUNNING);
    await reaches(worker, TaskState.RUNNING, 't2');
    expect(statusOf(worker, 't3')?.state).toBe(TaskState.PREPARING);
    expect(pulls.map(({ reference }) => reference)).toEqual(['web:1', 'other']);
  });

  it('gives up its share when it is to stop; the last one breaks the pull off', async () => {
    const worker = startWorker();
    await assign(worker, task('t1'), task('t2'));
    await asked(1);
    await assign(worker, task('t1', { desiredState: TaskState.SHUTDOWN }), task('t2'));
    await reaches(worker, TaskState.SHUTDOWN);
    expect(pulls[0]?.signal.aborted).toBe(false);
    await assign(worker);
    await vi.waitFor(() => expect(pulls[0]?.signal.aborted).toBe(true));
    await vi.waitFor(() => expect(worker.statuses()).toEqual([]));
    expect(containers.calls).toEqual([]);
  });

  it.each([
    [
      new GantryError('IMAGE_NOT_FOUND', 'manifest for web:1 not found: manifest unknown'),
      /^No such image: web:1: manifest for web:1 not found/,
    ],
    [
      new GantryError('UNAVAILABLE', 'pulling web:1: cannot reach reg: connection refused'),
      /^No such image: web:1: .*cannot reach reg/,
    ],
    [
      new GantryError(
        'PERMISSION_DENIED',
        "pull access denied for web, repository does not exist or may require 'gantry login'",
      ),
      /^pull access denied for web, .*; log in, and deploy with --with-registry-auth$/,
    ],
  ])('is rejected with %s', async (failure, expected) => {
    const worker = startWorker();
    await assign(worker, task('t1'));
    await asked(1);
    pulls[0]?.end(failure);
    await reaches(worker, TaskState.REJECTED);
    expect(statusOf(worker)?.error).toMatch(expected);
    // The task that takes its place asks again.
    await assign(worker, task('t2'));
    await asked(2);
  });

  it('is pulled by whoever deployed it, which is told to nobody and not written down', async () => {
    const worker = startWorker();
    await assign(worker, task('t1', { password: SECRET }), task('t2'));
    await asked(2);
    expect(pulls.map(({ password }) => password)).toEqual([SECRET, undefined]);
    expect(readFileSync(join(dir, 'tasks', 't1.json'), 'utf8')).not.toMatch(/s3cret|czNjcmV0|pullCredentials/);
  });

  it('is pulled again by a new agent, once a manager has said by whom', async () => {
    const first = startWorker();
    await assign(first, task('t1', { password: SECRET }));
    await asked(1);
    const second = startWorker();
    await vi.waitFor(() => expect(statusOf(second)?.message).toBe('waiting for a manager before pulling web:1'));
    expect(pulls).toHaveLength(1);
    await assign(second, task('t1', { password: SECRET }));
    await asked(2);
    expect(pulls[1]?.password).toBe(SECRET);
    pulls[1]?.end();
    await reaches(second, TaskState.RUNNING);
  });
});

describe('the pull policy', () => {
  it.each([
    ['missing', PullPolicy.MISSING, 'web:1', 0],
    ['never', PullPolicy.NEVER, 'web:1', 0],
    ['always', PullPolicy.ALWAYS, 'web:1', 1],
    ['always, by digest', PullPolicy.ALWAYS, `web:1@sha256:${'a'.repeat(64)}`, 0],
  ])('%s, with the image there', async (_, pullPolicy, image, count) => {
    here.add(image);
    const worker = startWorker();
    await assign(worker, task('t1', { image, pullPolicy }));
    await asked(count);
    pulls[0]?.end();
    await reaches(worker, TaskState.RUNNING);
  });

  it('never asks no registry; nor does an id', async () => {
    const worker = startWorker();
    await assign(worker, task('t1', { pullPolicy: PullPolicy.NEVER }), task('t2', { image: 'sha256:abcd' }));
    await reaches(worker, TaskState.REJECTED);
    await reaches(worker, TaskState.REJECTED, 't2');
    expect(statusOf(worker)?.error).toMatch(/^No such image: web:1; bring it to this node/);
    expect(pulls).toEqual([]);
  });
});
