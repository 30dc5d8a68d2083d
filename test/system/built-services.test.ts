/** Services with `build`: what is built anew rolls, what is unchanged doesn't, and the image before comes back; on one host and on three. */
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox, importBusyboxInto } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

/** A directory with a stack of one service that shows a file of its image. */
class Sources {
  readonly file: string;
  readonly #greeting: string;

  constructor(directory: string, replicas: number) {
    mkdirSync(join(directory, 'app'), { recursive: true });
    this.file = join(directory, 'stack.yml');
    this.#greeting = join(directory, 'app', 'greeting');
    writeFileSync(
      this.file,
      `services:
  web:
    image: greeter:1
    build: app
    init: true
    stop_grace_period: 1s
    deploy:
      replicas: ${replicas}
      placement: { max_replicas_per_node: 1 }
      update_config: { monitor: 1s }
`,
    );
    const command = 'test ! -e /app/broken && exec sleep 1000; echo cannot start; exit 3';
    writeFileSync(
      join(directory, 'app', 'Dockerfile'),
      `FROM busybox\nCOPY . /app/\nRUN cp /app/greeting /seen\nCMD ${command}\n`,
    );
  }

  write(greeting: string): void {
    writeFileSync(this.#greeting, greeting);
  }

  /** Of the same length, and to all appearances of the same time. */
  writeUnseen(greeting: string): void {
    const { atime, mtime } = statSync(this.#greeting);
    this.write(greeting);
    utimesSync(this.#greeting, atime, mtime);
  }

  /** The next one is an image that doesn't start. */
  breakIt(): void {
    writeFileSync(join(this.#greeting, '../broken'), '');
  }
}

const runningTasks = (host: Host) =>
  host.look(['service', 'ps', '-q', '--no-trunc', '--filter', 'desired-state=running', 'shop_web']);
const imageOf = (host: Host) =>
  host.look(['service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', 'shop_web']);

/** What the task on the host has seen when its image was built; undefined: there is none. */
async function seen(host: Host): Promise<string | undefined> {
  const [id = ''] = (await host.look(['ps', '-q', '--filter', 'name=shop_web.'])).split('\n');
  return id === '' ? undefined : await host.ok(['exec', id, 'cat', '/seen']);
}

describe('a service that is built, on one host', () => {
  let host: Host;
  let sources: Sources;
  beforeAll(async () => {
    host = await Host.create('built');
    await host.start();
    await importBusybox(host);
    await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
    sources = new Sources(join(host.directory, 'src'), 1);
  });
  afterAll(() => host.destroy());

  const stack = (verb: string, ...flags: string[]) =>
    host.gantry(['stack', verb, '-c', sources.file, ...flags, 'shop']);

  it('is told of before it is built', async () => {
    sources.write('hello');
    const { code, stdout } = await stack('diff');
    expect(code).toBe(0);
    expect(stdout).toContain('+ service shop_web: starts 1 task\n');
    expect(stdout).toContain('  service shop_web: its image would be built\n');
    expect(await host.ok(['images', '-q', 'greeter'])).toBe('');
  });

  it('is pinned to what was built', async () => {
    expect(await stack('deploy')).toMatchObject({ code: 0 });
    expect(await imageOf(host)).toMatch(/^greeter:1@sha256:[0-9a-f]{64}$/);
    expect(await host.ok(['service', 'ls', '--format', '{{.Image}}'])).toBe('greeter:1');
    expect(await seen(host)).toBe('hello');
  });

  it('stays as it is, in no time, while its sources do', async () => {
    const tasks = await runningTasks(host);
    const listing = await quickest(async () => void (await host.ok(['node', 'ls'])));
    const deploying = await quickest(async () => void expect(await stack('deploy')).toMatchObject({ code: 0 }));
    expect(await runningTasks(host)).toBe(tasks);
    expect(await host.ok(['stack', 'history', '--format', '{{.Version}} {{.Note}}', 'shop'])).toBe('1 current');
    expect(await stack('diff', '--exit-code')).toMatchObject({ code: 0, stdout: 'No changes.\n' });
    // A machine that is busy otherwise is slow in all it does.
    expect(deploying).toBeLessThan(Math.max(1000, 4 * listing));
  });

  it('rolls when a file has changed, whatever its size and time', async () => {
    sources.writeUnseen('howdy');
    const told = await stack('diff', '--exit-code');
    expect(told.code).toBe(2);
    expect(told.stdout).toBe(
      'No changes, unless a build brings one.\n' +
        '  service shop_web: its image would be built; if that gives another one: ' +
        'rolls 1 of 1 task, one at a time, stop-first\n',
    );
    expect(await seen(host)).toBe('hello');
    const { code, stdout } = await stack('deploy');
    expect(code).toBe(0);
    expect(stdout).toContain('Updating service shop_web\n');
    expect(await seen(host)).toBe('howdy');
  });

  it('has the image before again after a rollback, and the new one when it is deployed again', async () => {
    await host.ok(['stack', 'rollback', 'shop']);
    expect(await seen(host)).toBe('hello');
    expect(await stack('deploy')).toMatchObject({ code: 0 });
    expect(await seen(host)).toBe('howdy');
  });

  it('keeps the image before when the new one does not start', async () => {
    sources.breakIt();
    const { code, stderr } = await stack('deploy', '--rollback');
    expect(code).toBe(1);
    expect(stderr).toContain('cannot start');
    expect(stderr).toMatch(/version \d of stack shop failed and was taken back: version \d runs again\n$/);
    expect(await seen(host)).toBe('howdy');
  });
});

describe('a service that is built, on three hosts', () => {
  let lan: Lan;
  let hosts: Host[];
  let first: Host;
  let sources: Sources;
  beforeAll(async () => {
    lan = await Lan.create('built', 3);
    hosts = lan.hosts;
    [first] = hosts as [Host];
    await Promise.all(hosts.map((host) => host.start()));
    await importBusyboxInto([first]);
    await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
    const token = await first.ok(['cluster', 'join-token', '-q', 'worker']);
    for (const host of hosts.slice(1)) await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
    sources = new Sources(join(first.directory, 'src'), 3);
  });
  afterAll(() => lan.destroy());

  const deploy = () => first.ok(['stack', 'deploy', '-c', sources.file, 'shop'], { timeoutMs: 120_000 });
  const everywhere = () => Promise.all(hosts.map(seen));

  it('runs on all of them what was built on one', async () => {
    sources.write('hello');
    const { code, stderr } = await first.gantry(['stack', 'deploy', '-c', sources.file, 'shop']);
    expect(code).toBe(0);
    expect(stderr).not.toContain('could not be accessed on a registry');
    expect(await everywhere()).toEqual(['hello', 'hello', 'hello']);
  });

  it('stays as it is while its sources do', async () => {
    const tasks = await runningTasks(first);
    await deploy();
    expect(await runningTasks(first)).toBe(tasks);
  });

  it('is the same image when it is deployed through another manager, which has built nothing', async () => {
    const [, second] = hosts as [Host, Host];
    const tasks = await runningTasks(first);
    const image = await imageOf(first);
    const name = await second.ok(['info', '--format', '{{.Name}}']);
    await first.ok(['node', 'promote', name]);
    await until('another manager', async () => (await second.gantry(['node', 'ls'])).code === 0, 60_000);
    const { code, stderr } = await second.gantry(['stack', 'deploy', '-c', sources.file, 'shop']);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('RUN cp')]);
    expect(await imageOf(second)).toBe(image);
    expect(await runningTasks(second)).toBe(tasks);
    await first.ok(['node', 'demote', name]);
  });

  it('rolls on all of them when a file has changed, and goes back on all of them', async () => {
    sources.write('howdy');
    await deploy();
    expect(await everywhere()).toEqual(['howdy', 'howdy', 'howdy']);
    await first.ok(['stack', 'rollback', 'shop'], { timeoutMs: 120_000 });
    expect(await everywhere()).toEqual(['hello', 'hello', 'hello']);
  });

  it('gets its image from the others where it has gone from the host that has built it', async () => {
    await deploy();
    const image = (await imageOf(first)).replace(':1@', '@');
    await first.ok(['node', 'update', '--availability', 'drain', await first.ok(['info', '--format', '{{.Name}}'])]);
    await until('no task here', async () => (await seen(first).catch(() => 'gone')) === undefined);
    const left = (await first.ok(['ps', '-aq'])).split('\n').filter((id) => id !== '');
    if (left.length > 0) await first.ok(['rm', '-f', ...left]);
    await first.ok(['image', 'prune', '-a', '-f']);
    expect((await first.gantry(['image', 'inspect', image])).code).not.toBe(0);
    await first.ok(['node', 'update', '--availability', 'active', await first.ok(['info', '--format', '{{.Name}}'])]);
    await until('a task here again', async () => (await seen(first).catch(() => undefined)) === 'howdy', 60_000);
  });
});

/** Milliseconds. */
async function quickest(action: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  while (times.length < 3) {
    const begun = performance.now();
    await action();
    times.push(performance.now() - begun);
  }
  return Math.min(...times);
}
