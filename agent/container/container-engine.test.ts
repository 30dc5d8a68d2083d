/** Containers on the real runtime, shim, images, volumes and kernel; on the host's network, which is tested elsewhere. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { initBinaryPath, native, runtimeBinaryPath } from '../../native/addon/native.ts';
import {
  ContainerConfig,
  ContainerStatus,
  type ContainerStreamRequest,
  HealthStatus,
} from '../../proto/generated/gantry/v1/engine.ts';
import { type ContainerSpec, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { removeCgroupParents } from '../daemon/host-cleanup.ts';
import { ImageStore } from '../image/image-store.ts';
import { parseMountPoints } from '../image/mounts.ts';
import { SnapshotStore } from '../image/snapshot-store.ts';
import { LogForwarders } from '../log/log-forwarders.ts';
import { readLogs } from '../log/log-reader.ts';
import { NO_METRICS } from '../metrics/agent-metrics.ts';
import { ShimLauncher } from '../shim/launcher.ts';
import { UsageReader } from '../usage/usage-reader.ts';
import { VolumeStore } from '../volume/volume-store.ts';
import { CgroupLock, findOwnProcs } from './cgroup-lock.ts';
import { ContainerEngine } from './container-engine.ts';
import { readHostFacts } from './spec/host-facts.ts';

const BUSYBOX = '/bin/busybox';
const possible = process.getuid?.() === 0 && existsSync(BUSYBOX) && existsSync(runtimeBinaryPath());
if (!possible) console.warn('container-engine.test.ts: skipped, for it needs root, busybox-static and a build');

const root = mkdtempSync(join(tmpdir(), 'gantry-engine-'));
const NOBODY = new AbortController().signal;
let makeEngine: () => ContainerEngine;
let engine: ContainerEngine;
let closeImages: () => Promise<void>;

/** busybox as sh, and a user. */
async function importImage(images: ImageStore): Promise<void> {
  const archive = pack();
  archive.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync(BUSYBOX));
  for (const name of ['sh', 'cat', 'sleep', 'id', 'true', 'head', 'tail']) {
    archive.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  }
  archive.entry({ name: 'etc/passwd' }, 'root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n');
  archive.entry({ name: 'data/file' }, 'of the image\n');
  archive.finalize();
  await images.import(archive as AsyncIterable<Buffer>, {
    reference: 'box',
    changes: ['STOPSIGNAL SIGUSR1'],
    message: '',
    platform: '',
  });
}

beforeAll(async () => {
  if (!possible) return;
  const shared = {
    dir: join(root, 'data'),
    clock: Date.now,
    random: randomBytes,
    native,
    logger: pino({ level: 'silent' }),
  };
  const images = new ImageStore(shared);
  const snapshots = new SnapshotStore({ ...shared, images });
  await images.open();
  await snapshots.open();
  images.garbage.start();
  await importImage(images);
  closeImages = () => images.close();
  const runtime = runtimeBinaryPath();
  makeEngine = () =>
    new ContainerEngine({
      roots: { dataRoot: shared.dir, execRoot: join(root, 'run'), runtime },
      initPath: initBinaryPath(),
      images,
      snapshots,
      volumes: new VolumeStore({ ...shared, dir: join(root, 'volumes') }),
      networks: {
        setup: () => Promise.reject(new Error('no network here')),
        reattach: () => Promise.resolve(undefined),
        find: () => {
          throw new Error('no network here');
        },
        checkAttachment: () => undefined,
        teardown: () => Promise.resolve(),
        recover: () => Promise.resolve(),
        unanswered: () => Promise.resolve(0),
      },
      shims: new ShimLauncher({ ...shared, runtimeBinary: runtime }),
      native,
      readLog: readLogs,
      logForwarding: new LogForwarders({
        native,
        random: randomBytes,
        hostname: 'h1',
        logger: pino({ level: 'silent' }),
      }),
      cgroupLock: new CgroupLock(findOwnProcs(), shared.logger),
      host: readHostFacts(),
      bootId: 'this',
      random: randomBytes,
      now: Date.now,
      logger: shared.logger,
      metrics: NO_METRICS,
    });
  engine = makeEngine();
  await engine.recover();
});

afterAll(async () => {
  if (possible) {
    for (const { id } of await engine.list({ all: true, filters: [] }))
      await engine.remove(id, { force: true, volumes: true });
    await engine.close();
    await closeImages();
    removeCgroupParents();
    const mounts = parseMountPoints(readFileSync('/proc/self/mountinfo', 'utf8'));
    expect(mounts.filter((point) => point.startsWith(root))).toEqual([]);
  }
  rmSync(root, { recursive: true });
});

function config(
  script: string,
  spec: Partial<ContainerSpec> = {},
  change: Partial<ContainerConfig> = {},
): ContainerConfig {
  return ContainerConfig.fromPartial({
    networks: [{ target: 'host', aliases: [] }],
    ...change,
    spec: { image: 'box', command: { items: ['/bin/sh', '-c', script] }, ...spec },
  });
}

async function* one(
  message: ContainerStreamRequest['message'],
): AsyncGenerator<ContainerStreamRequest, void, undefined> {
  yield { message };
}

interface Outcome {
  readonly output: string;
  readonly exitCode: number | undefined;
}

async function outcome(first: ContainerStreamRequest['message']): Promise<Outcome> {
  let output = '';
  let exitCode: number | undefined;
  for await (const { message } of engine.stream(one(first), NOBODY)) {
    if (message?.$case === 'stdout' || message?.$case === 'stderr') output += message.value.toString();
    if (message?.$case === 'exitCode') exitCode = message.value;
  }
  return { output, exitCode };
}

function run(...args: Parameters<typeof config>): Promise<Outcome> {
  const [script, spec, change] = args;
  const given = config(script, spec, { autoRemove: true, ...change });
  return outcome({ $case: 'run', value: { config: given, stdin: false, size: undefined } });
}

function exec(reference: string, argv: string[], change: object = {}): Promise<Outcome> {
  const plain = {
    env: [],
    user: '',
    dir: '',
    tty: false,
    stdin: false,
    privileged: false,
    detach: false,
    size: undefined,
  };
  return outcome({ $case: 'exec', value: { ...plain, reference, argv, ...change } });
}

async function started(...args: Parameters<typeof config>): Promise<string> {
  const id = await engine.create(config(...args));
  await engine.start(id);
  return id;
}

describe.skipIf(!possible)('a real container', () => {
  it('runs, tells its exit code, and leaves nothing', async () => {
    expect(await run('echo out; echo err >&2; exit 3')).toEqual({
      output: expect.stringContaining('out\n'),
      exitCode: 3,
    });
    expect(await engine.list({ all: true, filters: [] })).toEqual([]);
  });

  it('is who it is to be, where it is to be', async () => {
    const { output } = await run('id; pwd; echo $HOME $A', {
      user: 'web',
      dir: '/new/dir',
      env: ['A=1'],
      hostname: 'box',
    });
    expect(output).toBe('uid=33(web) gid=33\n/new/dir\n/srv 1\n');
  });

  it('is counted by the kernel, as long as it runs', async () => {
    const usage = new UsageReader();
    const id = await started('while :; do :; done', {}, { limits: { nanoCpus: 0, memoryBytes: 32 << 20, pids: 0 } });
    const found = await vi.waitFor(async () => {
      const [one] = await usage.read(await engine.list({ all: true, filters: [] }));
      expect(one?.usage.cpu?.totalSeconds).toBeGreaterThan(0);
      return one?.usage;
    });
    expect(found?.memory).toMatchObject({ limitBytes: 32 << 20, oomKills: 0 });
    expect(found?.memory?.workingSetBytes).toBeGreaterThan(0);
    expect(found?.tasks?.current).toBe(1);
    // It has the host's network, whose traffic isn't its own.
    expect(found?.interfaces).toEqual([]);
    await engine.remove(id, { force: true, volumes: true });
    expect(await usage.read(await engine.list({ all: true, filters: [] }))).toEqual([]);
  });

  it('says why a command cannot be run', async () => {
    await expect(run('', { command: { items: ['/bin/nothing'] } })).rejects.toMatchObject({
      code: 'COMMAND_NOT_FOUND',
    });
    await expect(run('', { command: { items: ['/etc/passwd'] } })).rejects.toMatchObject({
      code: 'COMMAND_NOT_RUNNABLE',
    });
    expect(await engine.list({ all: true, filters: [] })).toEqual([]);
  });

  it('cannot use more memory than it may', async () => {
    const id = await started(
      'head -c 200m /dev/zero | tail',
      {},
      { limits: { memoryBytes: 16 * 2 ** 20, nanoCpus: 0, pids: 0 } },
    );
    expect(await engine.wait(id, NOBODY)).toBe(137);
    expect(engine.inspect(id).state?.oomKilled).toBe(true);
  });

  it('reads secrets that no disk has seen', async () => {
    const files = [{ target: '/run/secrets/key', data: Buffer.from('s3cret\n'), uid: 33, gid: 33, mode: 0o400 }];
    const id = await engine.create(
      config('cat /run/secrets/key; echo x > /run/secrets/key; sleep 60', { user: 'web' }),
      { taskId: 't', files },
    );
    await engine.start(id);
    const logs: string[] = [];
    await vi.waitFor(async () => {
      logs.length = 0;
      const query = { follow: false, tail: undefined, sinceMs: 0, untilMs: 0 };
      for await (const { data } of engine.logs(id, query, NOBODY)) logs.push(data.toString());
      expect(logs.join('')).toContain('Read-only file system');
    });
    expect(logs.join('')).toContain('s3cret');
    const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    expect(mountinfo.find((line) => line.includes(`${id}/files `))).toContain(' - tmpfs ');
    await engine.remove(id, { force: true, volumes: false });
  });

  it('finds in a volume what the image has there, and keeps what it writes', async () => {
    const mounts = [{ type: MountType.VOLUME, source: 'data', target: '/data' }] as never;
    expect((await run('cat /data/file; echo more >> /data/file', { mounts })).output).toBe('of the image\n');
    expect((await run('cat /data/file', { mounts })).output).toBe('of the image\nmore\n');
  });

  it('takes another process in', async () => {
    const id = await started('sleep 60');
    expect(await exec(id, ['/bin/sh', '-c', 'id; exit 4'], { user: 'web' })).toEqual({
      output: 'uid=33(web) gid=33\n',
      exitCode: 4,
    });
    expect((await exec(id, ['/bin/sh', '-c', 'test -t 0 && echo $TERM'], { tty: true })).output).toBe('xterm\r\n');
    await expect(exec(id, ['/bin/nothing'])).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' });
    await exec(id, ['/bin/sh', '-c', 'echo here > /detached'], { detach: true });
    await vi.waitFor(async () => expect((await exec(id, ['/bin/cat', '/detached'])).output).toBe('here\n'));
    await engine.remove(id, { force: true, volumes: false });
  });

  it('is stopped with the signal of its image', async () => {
    const id = await started('trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done');
    await vi.waitFor(async () =>
      expect((await exec(id, ['/bin/cat', '/proc/1/status'])).output).toMatch(/SigCgt:\s+0*[1-9a-f]/),
    );
    await engine.stop(id, undefined);
    expect(engine.inspect(id).state).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 5 });
  });

  it('is healthy when its check says so', async () => {
    const healthcheck = {
      test: ['CMD-SHELL', 'echo fine; test -e /ok'],
      intervalMs: 50,
      timeoutMs: 5000,
      retries: 1,
      startPeriodMs: 0,
      startIntervalMs: 0,
    };
    const id = await started('sleep 60', { healthcheck });
    const health = () => engine.inspect(id).state?.health;
    await vi.waitFor(() => expect(health()).toBe(HealthStatus.UNHEALTHY), 10_000);
    await exec(id, ['/bin/sh', '-c', '> /ok']);
    await vi.waitFor(() => expect(health()).toBe(HealthStatus.HEALTHY), 10_000);
    expect(engine.inspect(id).state?.healthOutput).toBe('fine\n');
    await engine.remove(id, { force: true, volumes: false });
  });

  it('holds still while it is paused, also when its engine ends, and can be stopped then', async () => {
    const id = await started('sleep 60', { init: true });
    const frozen = () => {
      const argv = ['--root', join(root, 'run', 'runtime'), 'state', id];
      return JSON.parse(execFileSync(runtimeBinaryPath(), argv, { encoding: 'utf8' })).status === 'paused';
    };
    await expect(engine.unpause(id)).rejects.toThrow('is not paused');
    await engine.pause(id);
    expect([frozen(), engine.inspect(id).state?.status]).toEqual([true, ContainerStatus.PAUSED]);
    await expect(engine.pause(id)).rejects.toThrow('is already paused');
    await expect(engine.start(id)).rejects.toThrow('is paused');
    await expect(exec(id, ['/bin/true'])).rejects.toThrow('is paused');
    await engine.unpause(id);
    expect([frozen(), (await exec(id, ['/bin/true'])).exitCode]).toEqual([false, 0]);
    await engine.pause(id);
    await engine.close();
    engine = makeEngine();
    await engine.recover();
    expect([frozen(), engine.inspect(id).state?.status]).toEqual([true, ContainerStatus.PAUSED]);
    await engine.stop(id, 30_000);
    expect(engine.inspect(id).state).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 138 });
  });

  it('shows its processes, and none of others', async () => {
    const id = await started('sleep 61 & sleep 62', { init: true });
    await vi.waitFor(async () => {
      const { titles, processes } = await engine.processes(id, []);
      const commands = processes.map((values) => values[titles.indexOf('CMD')] ?? '');
      expect(commands.filter((command) => command.startsWith('sleep')).sort()).toEqual(['sleep 61', 'sleep 62']);
    });
    await expect(engine.processes(id, ['-o', 'comm'])).rejects.toThrow('ps shows no PID');
    await expect(engine.processes(id, ['--nope'])).rejects.toThrow('ps --nope failed');
    await engine.remove(id, { force: true, volumes: false });
    await expect(engine.processes(id, [])).rejects.toThrow('no such container');
  });

  it('outlives its engine', async () => {
    const id = await started('sleep 60', { init: true });
    const before = engine.inspect(id).state;
    await engine.close();
    engine = makeEngine();
    await engine.recover();
    expect(engine.inspect(id).state).toEqual(before);
    expect((await exec(id, ['/bin/true'])).exitCode).toBe(0);
    await engine.kill(id, 'KILL');
    expect(await engine.wait(id, NOBODY)).toBe(137);
  });
});
