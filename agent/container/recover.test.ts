import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContainerStatus, LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import { lastRecord } from '../files/record-lines.ts';
import { config, EngineFixture } from './engine-fixture.testing.ts';
import type { Phase } from './record.ts';

let fixture: EngineFixture;
beforeEach(() => {
  fixture = new EngineFixture();
});
afterEach(() => fixture.remove());

async function started(...args: Parameters<typeof config>): Promise<string> {
  const id = await fixture.engine.create(config(...args));
  await fixture.engine.start(id);
  return id;
}

function recordPath(id: string): string {
  return join(fixture.root, 'data/containers', id, 'container.json');
}

/** As a crash in the middle of an operation leaves the record. */
function crashIn(id: string, phase: Phase): void {
  const record = JSON.parse(lastRecord(readFileSync(recordPath(id), 'utf8'))) as object;
  writeFileSync(recordPath(id), JSON.stringify({ ...record, phase }));
}

function state(id: string) {
  return fixture.engine.inspect(id).state;
}

describe('a new gantryd', () => {
  it('finds running containers as they were, and starts nothing', async () => {
    const id = await started({}, { name: 'web', restart: LocalRestart.ALWAYS });
    const before = fixture.engine.inspect(id);
    await fixture.restart();
    expect(fixture.engine.inspect('web')).toEqual(before);
    expect(fixture.shims.processes).toHaveLength(1);
    expect(fixture.host.recovered).toEqual([[id]]);
    expect(fixture.host.mounts.size).toBe(1);
  });

  it('goes on looking after them', async () => {
    const id = await started();
    await fixture.restart();
    fixture.shims.last.end(4);
    expect(await fixture.engine.wait(id, new AbortController().signal)).toBe(4);
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
  });

  it('can stop them', async () => {
    const id = await started();
    await fixture.restart();
    await fixture.engine.stop(id, undefined);
    expect(state(id)).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 143 });
  });

  it('records what ended meanwhile', async () => {
    const id = await started();
    await fixture.engine.close();
    fixture.shims.last.end(9);
    await fixture.restart();
    expect(state(id)).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 9, pid: 0 });
    expect(fixture.host.recovered).toEqual([[]]);
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
  });

  it('starts again what ended meanwhile, if its policy says so', async () => {
    const id = await started({}, { restart: LocalRestart.ON_FAILURE });
    await fixture.engine.close();
    fixture.shims.last.end(1);
    await fixture.restart();
    await vi.waitFor(() =>
      expect(state(id)).toMatchObject({ status: ContainerStatus.RUNNING, pid: 1001, restartCount: 1 }),
    );
  });

  it('removes what ended meanwhile, if that was wanted', async () => {
    const id = await started({}, { autoRemove: true });
    await fixture.engine.close();
    fixture.shims.last.end(0);
    await fixture.restart();
    expect(() => fixture.engine.inspect(id)).toThrow('no such container');
    expect(existsSync(recordPath(id))).toBe(false);
    expect(fixture.host.snapshots.size).toBe(0);
  });

  it('says of a lost container that it ended, with 255', async () => {
    const id = await started();
    fixture.shims.lose(id);
    await fixture.restart();
    expect(state(id)).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 255 });
  });

  it('goes on with a restart that was due', async () => {
    const id = await started({}, { restart: LocalRestart.ALWAYS });
    fixture.shims.last.end(1);
    await vi.waitFor(() => expect(state(id)?.status).toBe(ContainerStatus.RESTARTING));
    await fixture.restart();
    expect(fixture.host.recovered.at(-1)).toEqual([id]);
    await vi.waitFor(() => expect(state(id)).toMatchObject({ status: ContainerStatus.RUNNING, pid: 1001 }));
  });
});

describe('after a boot of the host', () => {
  it('nothing runs, whatever is found', async () => {
    const id = await started();
    fixture.bootId = 'boot-2';
    await fixture.restart();
    expect(fixture.shims.asked).toEqual([]);
    expect(state(id)).toMatchObject({ status: ContainerStatus.EXITED, exitCode: 255 });
  });

  it('policies bring containers back', async () => {
    const always = await started({}, { restart: LocalRestart.ALWAYS });
    const stopped = await started({}, { restart: LocalRestart.ALWAYS });
    const unless = await started({}, { restart: LocalRestart.UNLESS_STOPPED });
    await fixture.engine.stop(stopped, undefined);
    await fixture.engine.stop(unless, undefined);
    fixture.bootId = 'boot-2';
    await fixture.restart();
    await vi.waitFor(() =>
      expect([always, stopped].map((id) => state(id)?.status)).toEqual([
        ContainerStatus.RUNNING,
        ContainerStatus.RUNNING,
      ]),
    );
    expect(state(unless)?.status).toBe(ContainerStatus.EXITED);
  });
});

describe('after system stop', () => {
  it('containers with a policy run again, others don’t', async () => {
    const always = await started({}, { restart: LocalRestart.ALWAYS });
    const never = await started();
    await fixture.engine.stopAll();
    expect(state(always)?.status).toBe(ContainerStatus.EXITED);
    await fixture.restart();
    await vi.waitFor(() => expect(state(always)?.status).toBe(ContainerStatus.RUNNING));
    expect(state(never)?.status).toBe(ContainerStatus.EXITED);
  });
});

describe('after a crash in the middle of', () => {
  it('creating, nothing is left', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    crashIn(id, 'creating');
    await fixture.restart();
    expect(() => fixture.engine.inspect(id)).toThrow('no such container');
    expect(fixture.host.snapshots.size).toBe(0);
    await fixture.engine.create(config({}, { name: 'web' }));
  });

  it('a run that was to be removed at its end, nothing is left', async () => {
    const given = config({}, { autoRemove: true });
    const requests = (async function* () {
      yield { message: { $case: 'run', value: { config: given, stdin: false, size: undefined } } } as const;
    })();
    const responses = fixture.engine.stream(requests, new AbortController().signal)[Symbol.asyncIterator]();
    const first = await responses.next();
    expect(first.value?.message?.$case).toBe('started');
    await fixture.restart();
    expect(await fixture.engine.list({ all: true, filters: [] })).toEqual([]);
    expect(fixture.host.snapshots.size).toBe(0);
  });

  it('starting, the process is ended and the container as it was', async () => {
    const id = await fixture.engine.create(config());
    await fixture.engine.start(id);
    const record = JSON.parse(lastRecord(readFileSync(recordPath(id), 'utf8')));
    writeFileSync(
      recordPath(id),
      JSON.stringify({ ...record, phase: 'starting', state: { ...record.state, status: 0, pid: 0 } }),
    );
    await fixture.restart();
    expect(fixture.shims.last.signals).toEqual([9]);
    expect(state(id)?.status).toBe(ContainerStatus.CREATED);
    expect(fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
    await fixture.engine.start(id);
    expect(state(id)?.status).toBe(ContainerStatus.RUNNING);
  });

  it('removing, it is removed', async () => {
    const id = await started();
    crashIn(id, 'removing');
    await fixture.restart();
    expect(fixture.shims.last.signals).toEqual([9]);
    expect(() => fixture.engine.inspect(id)).toThrow('no such container');
    expect(fixture.host.snapshots.size + fixture.host.mounts.size).toBe(0);
  });
});

describe('what nobody knows', () => {
  it('is removed from the exec root', async () => {
    mkdirSync(join(fixture.root, 'run/containers/orphan'), { recursive: true });
    await fixture.restart();
    expect(existsSync(join(fixture.root, 'run/containers/orphan'))).toBe(false);
  });

  it('is left alone in the data root, and doesn’t keep the others from being found', async () => {
    const id = await started();
    mkdirSync(join(fixture.root, 'data/containers/broken'));
    const broken = join(fixture.root, 'data/containers/broken/container.json');
    writeFileSync(broken, '{"id": 5');
    await fixture.restart();
    expect(state(id)?.status).toBe(ContainerStatus.RUNNING);
    expect(existsSync(broken)).toBe(true);
  });
});
