import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { ContainerStatus, LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import { MountType } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerEvent } from './containers.ts';
import { config, EngineFixture } from './engine-fixture.testing.ts';

let fixture: EngineFixture;
beforeEach(() => {
  fixture = new EngineFixture();
});
afterEach(() => fixture.remove());

const NOBODY = new AbortController().signal;

function status(id: string): ContainerStatus | undefined {
  return fixture.engine.inspect(id).state?.status;
}

/** Records, snapshots, mounts, sandboxes, volumes in use and bundles that are there. */
function leftovers(): string[] {
  const { host, root } = fixture;
  const list = (directory: string) => (existsSync(join(root, directory)) ? readdirSync(join(root, directory)) : []);
  const inUse = [...host.volumes].filter(([, users]) => users.size > 0).map(([name]) => name);
  return [
    ...list('data/containers'),
    ...list('run/containers'),
    ...host.snapshots,
    ...host.mounts,
    ...host.sandboxes.keys(),
    ...inUse,
  ];
}

async function started(...args: Parameters<typeof config>): Promise<string> {
  const id = await fixture.engine.create(config(...args));
  await fixture.engine.start(id);
  return id;
}

describe('a container’s life', () => {
  it('counts as started once its process runs, or as one that could not be started', async () => {
    const id = await started();
    await fixture.engine.start(id);
    expect(fixture.startsMs).toEqual([expect.any(Number)]);
    expect(fixture.failedStarts).toBe(0);
    fixture.host.mountError = new GantryError('HOST', 'no such device');
    await expect(started()).rejects.toThrow('no such device');
    expect([fixture.startsMs.length, fixture.failedStarts]).toEqual([1, 1]);
  });

  it('goes from created to running to exited', async () => {
    const events: ContainerEvent['kind'][] = [];
    fixture.engine.subscribe(({ kind }) => events.push(kind));
    const id = await fixture.engine.create(config());
    expect(status(id)).toBe(ContainerStatus.CREATED);
    await fixture.engine.start(id);
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: ContainerStatus.RUNNING, pid: 1000 });
    expect(fixture.host.mounts.has(fixture.rootfs(id))).toBe(true);
    const exitCode = fixture.engine.wait(id, NOBODY);
    fixture.shims.last.end(7);
    expect(await exitCode).toBe(7);
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 7, pid: 0 });
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
    await fixture.engine.remove(id, { force: false, volumes: false });
    expect(leftovers()).toEqual([]);
    expect(events).toEqual(['create', 'start', 'exit', 'remove']);
  });

  it('can begin again after its end', async () => {
    const id = await started();
    fixture.shims.last.end(1);
    await fixture.engine.wait(id, NOBODY);
    await fixture.engine.start(id);
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: ContainerStatus.RUNNING, pid: 1001, exitCode: 0 });
  });

  it('is not changed by a second start', async () => {
    const id = await started();
    await fixture.engine.start(id);
    expect(fixture.shims.processes).toHaveLength(1);
  });

  it('tells that it was killed for want of memory', async () => {
    const id = await started();
    fixture.shims.last.end(137, true);
    await fixture.engine.wait(id, NOBODY);
    expect(fixture.engine.inspect(id).state).toMatchObject({ oomKilled: true, exitCode: 137 });
  });

  it('shows its networks and ports while it runs', async () => {
    const ports = [{ targetPort: 80, publishedPort: 0, protocol: 0, hostIp: '', mode: 1 } as const];
    const id = await started({}, { networks: [{ target: 'shop', aliases: ['web'] }], ports: [...ports] });
    expect(fixture.engine.inspect(id)).toMatchObject({
      networks: [{ networkName: 'shop', aliases: ['web'] }],
      ports: [{ targetPort: 80, publishedPort: 32768 }],
    });
    fixture.shims.last.end(0);
    await fixture.engine.wait(id, NOBODY);
    expect(fixture.engine.inspect(id)).toMatchObject({ networks: [], ports: [] });
  });

  it('ends a wait that nobody waits for', async () => {
    const id = await started();
    const gone = new AbortController();
    const waiting = fixture.engine.wait(id, gone.signal);
    gone.abort();
    await expect(waiting).rejects.toThrow('does not wait any more');
  });
});

describe('a container that can’t be made', () => {
  it.each([
    ['of an image that is not there', config({ image: 'other' }), 'no image other'],
    ['with nothing to run', config({ entrypoint: { items: [''] } }), 'no command specified'],
    ['with a bad name', config({}, { name: '!' }), 'invalid container name'],
    [
      'with secrets of no cluster',
      config({ secrets: [{ id: 's', name: 's', target: '/s', uid: 0, gid: 0, mode: 0 }] }),
      'only for services',
    ],
    ['removed and restarted', config({}, { autoRemove: true, restart: LocalRestart.ALWAYS }), 'no restart policy'],
    [
      'with ports on the host’s network',
      config({}, { networks: [{ target: 'host', aliases: [] }], publishAll: true }),
      'in the network of the host',
    ],
    [
      'without its bind source',
      config({ mounts: [{ type: MountType.BIND, source: '/nowhere/at/all', target: '/data' }] as never }),
      'bind source path does not exist: /nowhere/at/all',
    ],
    [
      'without its device',
      config({ devices: [{ hostPath: '/dev/nothing', containerPath: '', permissions: '' }] }),
      '/dev/nothing is not a device of this host',
    ],
    ['in the namespace of nobody', config({ pidMode: 'container:nobody' }), 'no such container: nobody'],
  ])('%s leaves nothing', async (_what, given, message) => {
    await expect(fixture.engine.create(given)).rejects.toThrow(message);
    expect(leftovers()).toEqual([]);
    expect(await fixture.engine.list({ all: true, filters: [] })).toEqual([]);
  });

  it('for a lack of disk leaves nothing, not even its name', async () => {
    fixture.host.prepareError = new GantryError('HOST', 'disk full');
    const mounts = [{ type: MountType.VOLUME, source: '', target: '/data' }];
    const given = config({}, { name: 'web' });
    const withVolume = { ...given, spec: config({ mounts: mounts as never }).spec };
    await expect(fixture.engine.create(withVolume)).rejects.toThrow('disk full');
    expect(leftovers()).toEqual([]);
    fixture.host.prepareError = undefined;
    await fixture.engine.create(given);
    expect(fixture.engine.inspect('web').name).toBe('web');
  });

  it('has a name that is taken', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    await expect(fixture.engine.create(config({}, { name: 'web' }))).rejects.toThrow(
      `in use by container ${id.slice(0, 12)}`,
    );
    await fixture.engine.remove('web', { force: false, volumes: false });
    await fixture.engine.create(config({}, { name: 'web' }));
  });
});

describe('a container that can’t be started', () => {
  it.each([
    ['COMMAND_NOT_FOUND', 127],
    ['COMMAND_NOT_RUNNABLE', 126],
    ['HOST', 128],
  ] as const)('for %s gives everything back', async (code, exitCode) => {
    const id = await fixture.engine.create(config());
    fixture.shims.createError = new GantryError(code, 'no such program');
    await expect(fixture.engine.start(id)).rejects.toThrow('no such program');
    expect(fixture.engine.inspect(id).state).toMatchObject({
      status: ContainerStatus.CREATED,
      exitCode,
      error: 'no such program',
    });
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
    await fixture.engine.start(id);
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: ContainerStatus.RUNNING, error: '' });
  });

  it('after it was made ends its shim', async () => {
    const id = await fixture.engine.create(config());
    fixture.shims.startError = new GantryError('HOST', 'refused');
    await expect(fixture.engine.start(id)).rejects.toThrow('refused');
    expect(fixture.shims.last.signals).toEqual([9]);
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
  });

  it('for want of a file system has its network given back', async () => {
    const id = await fixture.engine.create(config());
    fixture.host.mountError = new GantryError('HOST', 'no such device');
    await expect(fixture.engine.start(id)).rejects.toThrow('no such device');
    expect(fixture.host.sandboxes.size).toBe(0);
  });
});

describe('draining', () => {
  it('waits until all that was asked is answered', async () => {
    const id = await started();
    let waiting = 2;
    fixture.host.unanswered = () => waiting--;
    await fixture.engine.drain(id);
    expect(waiting).toBe(-1);
    expect(fixture.shims.last.signals).toEqual([]);
  });

  it("doesn't wait for what can't be known", async () => {
    const id = await started();
    fixture.host.unanswered = () => {
      throw new GantryError('HOST', 'no such namespace');
    };
    await fixture.engine.drain(id);
    await fixture.engine.stop(id, 0);
  });

  it('waits for no longer than the grace period, nor for a process that has ended', async () => {
    fixture.host.unanswered = () => 1;
    await fixture.engine.drain(await started({ stopGracePeriodMs: 10 }));
    const id = await started();
    const drained = fixture.engine.drain(id);
    await fixture.engine.kill(id, 'KILL');
    await drained;
  });
});

describe('stopping', () => {
  it('asks first', async () => {
    const id = await started();
    await fixture.engine.stop(id, undefined);
    expect(fixture.shims.last.signals).toEqual([15]);
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 143 });
  });

  it('kills what does not go', async () => {
    fixture.shims.onCreate = (process) => process.mortalTo.clear();
    const id = await started();
    await fixture.engine.stop(id, 10);
    expect(fixture.shims.last.signals).toEqual([15, 9]);
    expect(fixture.engine.inspect(id).state?.exitCode).toBe(137);
  });

  it('uses the container’s signal, else the image’s', async () => {
    fixture.shims.onCreate = (process) => {
      process.mortalTo = new Set([1, 3]);
    };
    fixture.image = { ...fixture.image, config: { ...fixture.image.config, stopSignal: 'SIGQUIT' } };
    await fixture.engine.stop(await started(), undefined);
    expect(fixture.shims.last.signals).toEqual([3]);
    await fixture.engine.stop(await started({ stopSignal: 'HUP' }), undefined);
    expect(fixture.shims.last.signals).toEqual([1]);
  });

  it('of what has stopped does nothing', async () => {
    const id = await started();
    await fixture.engine.stop(id, undefined);
    await fixture.engine.stop(id, undefined);
    expect(fixture.shims.last.signals).toEqual([15]);
  });

  it('lets a kill through while it waits', async () => {
    fixture.shims.onCreate = (process) => process.mortalTo.clear();
    const id = await started();
    const stopping = fixture.engine.stop(id, -1);
    await vi.waitFor(() => expect(fixture.shims.last.signals).toEqual([15]));
    await fixture.engine.kill(id, 'KILL');
    await stopping;
    expect(status(id)).toBe(ContainerStatus.EXITED);
  });

  it('stops all', async () => {
    const ids = [await started(), await started(), await fixture.engine.create(config())];
    await fixture.engine.stopAll();
    expect(ids.map(status)).toEqual([ContainerStatus.EXITED, ContainerStatus.EXITED, ContainerStatus.CREATED]);
  });
});

describe('killing', () => {
  it('sends any signal', async () => {
    const id = await started();
    await fixture.engine.kill(id, 'SIGUSR1');
    expect(fixture.shims.last.signals).toEqual([10]);
    expect(status(id)).toBe(ContainerStatus.RUNNING);
  });

  it('needs something that runs', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    await expect(fixture.engine.kill(id, '')).rejects.toThrow('container web is not running');
  });
});

describe('removing', () => {
  it('of a running container needs force', async () => {
    const id = await started({}, { name: 'web' });
    await expect(fixture.engine.remove(id, { force: false, volumes: false })).rejects.toThrow(
      'container web is running',
    );
    await fixture.engine.remove(id, { force: true, volumes: false });
    expect(fixture.shims.last.signals).toEqual([9]);
    expect(leftovers()).toEqual([]);
  });

  it('twice at once is one', async () => {
    const id = await started();
    const options = { force: true, volumes: false };
    await Promise.all([fixture.engine.remove(id, options), fixture.engine.remove(id, options)]);
    expect(() => fixture.engine.inspect(id)).toThrow('no such container');
  });

  it('comes by itself when asked', async () => {
    const id = await started({}, { autoRemove: true });
    const gone = fixture.engine.wait(id, NOBODY);
    fixture.shims.last.end(3);
    expect(await gone).toBe(3);
    expect(leftovers()).toEqual([]);
  });
});

describe('volumes', () => {
  const mounts = [{ type: MountType.VOLUME, source: 'named', target: '/data' }] as never;

  it('begin with what the image has, and stay in use until the container goes', async () => {
    fixture.image = { ...fixture.image, config: { ...fixture.image.config, volumes: ['/var/lib/db', '/data'] } };
    const id = await fixture.engine.create(config({ mounts }));
    expect(fixture.host.populated).toEqual(['named /data']);
    expect([...fixture.host.volumes.keys()]).toEqual(['named', 'anonymous1']);
    expect(fixture.host.volumes.get('named')).toEqual(new Set([id]));
    await fixture.engine.remove(id, { force: false, volumes: false });
    expect([...fixture.host.volumes]).toEqual([
      ['named', new Set()],
      ['anonymous1', new Set()],
    ]);
  });

  it('without a name go with the container, when asked', async () => {
    const anonymous = [{ type: MountType.VOLUME, source: '', target: '/data' }] as never;
    const id = await fixture.engine.create(config({ mounts: anonymous }));
    await fixture.engine.remove(id, { force: false, volumes: true });
    expect(fixture.host.volumes.size).toBe(0);
  });

  it('are not filled when they are not to be', async () => {
    await fixture.engine.create(
      config({ mounts: [{ type: MountType.VOLUME, source: 'v', target: '/data', volumeNoCopy: true }] as never }),
    );
    expect(fixture.host.populated).toEqual([]);
  });
});

describe('restart policies', () => {
  it('start a container again, with the same network', async () => {
    const id = await started({}, { restart: LocalRestart.ALWAYS });
    fixture.shims.last.end(0);
    await vi.waitFor(() => expect(status(id)).toBe(ContainerStatus.RESTARTING));
    expect(fixture.host.sandboxes.has(id)).toBe(true);
    await vi.waitFor(() =>
      expect(fixture.engine.inspect(id).state).toMatchObject({
        status: ContainerStatus.RUNNING,
        pid: 1001,
        restartCount: 1,
      }),
    );
  });

  it('don’t bring back what was stopped', async () => {
    const id = await started({}, { restart: LocalRestart.ALWAYS });
    await fixture.engine.stop(id, undefined);
    expect(status(id)).toBe(ContainerStatus.EXITED);
    expect(fixture.host.sandboxes.size).toBe(0);
  });

  it('are stopped between two runs as well', async () => {
    const id = await started({}, { restart: LocalRestart.ALWAYS });
    const end = fixture.engine.wait(id, NOBODY);
    fixture.shims.last.end(5);
    await vi.waitFor(() => expect(status(id)).toBe(ContainerStatus.RESTARTING));
    await fixture.engine.stop(id, undefined);
    expect(await end).toBe(5);
    expect(status(id)).toBe(ContainerStatus.EXITED);
    expect(fixture.host.sandboxes.size).toBe(0);
  });

  it('give up after so many attempts', async () => {
    fixture.shims.onCreate = (process) => void Promise.resolve().then(() => process.end(1));
    const id = await started({}, { restart: LocalRestart.ON_FAILURE, restartMaxAttempts: 2 });
    expect(await fixture.engine.wait(id, NOBODY)).toBe(1);
    expect(fixture.engine.inspect(id).state).toMatchObject({ restartCount: 2, status: ContainerStatus.EXITED });
    expect(fixture.shims.processes).toHaveLength(3);
  });

  it('go on trying when a start fails', async () => {
    const id = await started({}, { restart: LocalRestart.ALWAYS });
    fixture.shims.createError = new GantryError('HOST', 'out of memory');
    fixture.shims.last.end(1);
    await vi.waitFor(() => expect(fixture.engine.inspect(id).state).toMatchObject({ pid: 1001, restartCount: 2 }));
  });
});

describe('references', () => {
  it('are ids, beginnings of ids, and names', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    const other = await fixture.engine.create(config());
    for (const reference of [id, id.slice(0, 6), 'web', '/web']) expect(fixture.engine.inspect(reference).id).toBe(id);
    expect(other).not.toBe(id);
    expect(() => fixture.engine.inspect('nothing')).toThrow('no such container: nothing');
    expect(() => fixture.engine.inspect('')).toThrow('no such container');
    expect(() => fixture.engine.inspect('0')).toThrow('2 containers have ids that begin with "0"');
  });

  it('find a task’s container', async () => {
    const id = await fixture.engine.create(config(), { taskId: 'task1', files: [] });
    expect(fixture.engine.findByTask('task1')?.id).toBe(id);
    expect(fixture.engine.findByTask('task2')).toBeUndefined();
  });
});

describe('namespaces of others', () => {
  it('are joined while the other runs', async () => {
    const given = config({}, { networks: [{ target: 'container:web', aliases: [] }] });
    await started({}, { name: 'web' });
    const id = await fixture.engine.create(given);
    await fixture.engine.start(id);
    expect(fixture.host.sandboxes.has(id)).toBe(false);
    await fixture.engine.stop('web', undefined);
    await fixture.engine.stop(id, undefined);
    await expect(fixture.engine.start(id)).rejects.toThrow('container web is not running');
  });
});
