/** Three hosts and a registry with a login: services bring their images to where their tasks are. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, runCommand } from '../lab/command.ts';
import { DockerRegistry, REGISTRY_LOGIN } from '../lab/docker-registry.ts';
import type { Host } from '../lab/host.ts';
import { exportBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

/** Large enough to be caught on its way. */
const LARGE_MIB = 48;

let lan: Lan;
let hosts: Host[];
let first: Host;
let second: Host;
let registry: DockerRegistry;
let directory: string;
/** By the tag that the registry has it under. */
const digests = new Map<string, string>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-service-images-'));
  for (const user of ['alice', 'stranger']) await mkdir(join(directory, user));
  lan = await Lan.create('images', 4);
  // The fourth only has the registry.
  const [one, two, three, last] = lan.hosts as [Host, Host, Host, Host];
  [first, second, hosts] = [one, two, [one, two, three]];
  registry = await DockerRegistry.start(last.address, (argv) => last.inside(argv));
  await Promise.all(hosts.map((host) => host.start(['--registry-certs', registry.certificates])));
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.look(['cluster', 'join-token', '-q', 'worker']);
  for (const host of [two, three]) await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  await logIn('alice', REGISTRY_LOGIN.password);
  await fillRegistry();
});

afterAll(async () => {
  await lan.destroy();
  await registry.destroy();
  await rm(directory, { recursive: true, force: true });
});

const image = (name: string) => `${registry.host}/${name}`;
const as = (user: 'alice' | 'stranger', ...argv: string[]) =>
  first.gantry(argv, { env: { HOME: join(directory, user) } });

async function ok(...argv: string[]): Promise<string> {
  return await first.ok(argv, { env: { HOME: join(directory, 'alice') } });
}

/** As a login that the registry hasn't been asked about. */
async function logIn(user: 'alice' | 'stranger', password: string): Promise<void> {
  const auth = Buffer.from(`${REGISTRY_LOGIN.username}:${password}`).toString('base64');
  await mkdir(join(directory, user, '.docker'));
  await writeFile(
    join(directory, user, '.docker', 'config.json'),
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  );
}

async function fillRegistry(): Promise<void> {
  const archive = join(directory, 'busybox.tar');
  await exportBusybox(archive);
  for (const tag of ['1', '2', 'moves']) {
    await ok('import', '-c', `ENV VERSION=${tag}`, archive, image(`web:${tag}`));
    digests.set(tag, await pushed(tag));
  }
  await ok('image', 'prune', '-a', '-f');
}

async function pushed(tag: string): Promise<string> {
  return / digest: (sha256:[0-9a-f]{64}) /.exec(await ok('push', image(`web:${tag}`)))?.[1] ?? '';
}

/** What runs on each host of a service, by host. */
async function versions(service: string): Promise<(string | undefined)[]> {
  return await Promise.all(
    hosts.map(async (host) => {
      const [id] = (await host.look(['ps', '-q', '--filter', `name=${service}.`])).split('\n');
      return id === undefined || id === ''
        ? undefined
        : (await host.ok(['exec', id, 'sh', '-c', 'echo $VERSION'])).trim();
    }),
  );
}

const imageOf = (service: string) =>
  ok('service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', service);
const runningTasks = (service: string) =>
  first.look(['service', 'ps', '-q', '--no-trunc', '--filter', 'desired-state=running', service]);

describe('a service from a registry with a login', () => {
  it('runs on hosts that never had its image, all of the same digest', async () => {
    const flags = [
      '--name',
      'front',
      '--mode',
      'global',
      '--init',
      '--update-monitor',
      '0s',
      '--with-registry-auth',
      '-q',
    ];
    await ok('service', 'create', ...flags, image('web:1'), 'sleep', '1000');
    expect(await versions('front')).toEqual(['1', '1', '1']);
    expect(await imageOf('front')).toBe(`${image('web:1')}@${digests.get('1')}`);
    expect(await ok('service', 'ls', '--format', '{{.Image}}')).toBe(image('web:1'));
    expect(await ok('service', 'ps', '--format', '{{.Image}}', 'front')).toBe(Array(3).fill(image('web:1')).join('\n'));
  });

  it('tells its login to nobody', async () => {
    const secrets = [REGISTRY_LOGIN.password, Buffer.from(REGISTRY_LOGIN.password).toString('base64')];
    const told = [await ok('service', 'inspect', 'front'), ...hosts.map((host) => host.log())].join('\n');
    for (const secret of secrets) expect(told).not.toContain(secret);
    for (const host of hosts) {
      const found = host.inside(['grep', '-rlF', REGISTRY_LOGIN.password, host.dataRoot, host.execRoot]);
      expect((await runCommand(found)).stdout).toBe('');
    }
  });

  it('is updated to another tag', async () => {
    await ok('service', 'update', '--image', image('web:2'), '-q', 'front');
    expect(await versions('front')).toEqual(['2', '2', '2']);
    expect(await imageOf('front')).toBe(`${image('web:2')}@${digests.get('2')}`);
  });

  it('restarts and is replaced while the registry is gone', async () => {
    await registry.kill();
    const before = await runningTasks('front');
    const [id = ''] = (await second.look(['ps', '-q', '--filter', 'name=front.'])).split('\n');
    await second.ok(['kill', id]);
    await until('another task to run', async () => {
      return (await runningTasks('front')) !== before && !(await versions('front')).includes(undefined);
    });
    await ok('service', 'update', '--force', '-q', 'front');
    expect(await versions('front')).toEqual(['2', '2', '2']);
    await registry.restart();
  });
});

describe('a pull that a task waits for', () => {
  it('is taken up again when gantryd was killed in its middle, and is given up with the task', async () => {
    const archive = join(directory, 'large.tar');
    await exportBusybox(archive);
    await output(['dd', 'if=/dev/urandom', `of=${join(directory, 'random')}`, 'bs=1M', `count=${LARGE_MIB}`]);
    await output(['tar', '-C', directory, '-rf', archive, 'random']);
    await ok('import', archive, image('large:1'));
    await ok('push', image('large:1'));
    // Those that it may come from: the registry's host, and the one that has made it.
    const others = lan.hosts.filter((host) => host !== second);
    const shape = ['rate', '40mbit', 'burst', '64kb', 'latency', '50ms'];
    for (const host of others)
      await output(host.inside(['tc', 'qdisc', 'add', 'dev', 'uplink', 'root', 'tbf', ...shape]));
    const create = async () => {
      const flags = ['--name', 'large', '--constraint', `node.hostname==${second.name}`, '--init', '-d', '-q'];
      await ok('service', 'create', ...flags, '--with-registry-auth', image('large:1'), 'sleep', '1000');
      await until('it to be on its way', async () => (await blobsOnTheirWay()) > 4 << 20);
    };
    const ps = (format: string) => ok('service', 'ps', '--no-trunc', '--format', format, 'large');
    await create();
    expect(await ps('{{.CurrentState}} {{.Error}}')).toMatch(/^Preparing .*"pulling .*large:1@sha256:[0-9a-f]{64}"$/);
    await ok('service', 'rm', 'large');
    await until('nothing to be left', async () => (await blobsOnTheirWay()) === 0);
    await create();
    const [task] = (await ps('{{.ID}}')).split('\n');
    await second.stop('SIGKILL');
    await second.start(['--registry-certs', registry.certificates]);
    for (const host of others) await output(host.inside(['tc', 'qdisc', 'del', 'dev', 'uplink', 'root']));
    await until('the task to run', async () => (await ps('{{.CurrentState}}')).startsWith('Running'));
    expect(await ps('{{.ID}}')).toBe(task);
    await ok('service', 'rm', 'large');
  });

  /** In bytes. */
  async function blobsOnTheirWay(): Promise<number> {
    const partial = join(second.dataRoot, 'content', 'partial');
    const sizes = await Promise.all(
      (await readdir(partial)).map((name) =>
        stat(join(partial, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }
});

describe('a stack', () => {
  const file = () => join(directory, 'stack.yml');
  const deploy = (user: 'alice' | 'stranger', name = 'shop') =>
    as(user, 'stack', 'deploy', '--with-registry-auth', '-c', file(), name);
  const write = (tag: string) =>
    writeFile(
      file(),
      `services: {web: {image: "${image(`web:${tag}`)}", command: sleep 1000, init: true, deploy: {mode: global, restart_policy: {condition: none}, update_config: {monitor: 1ms}}}}\n`,
    );

  it('stays as it is when it is deployed again, whether or not the registry answers', async () => {
    await write('moves');
    expect(await deploy('alice')).toMatchObject({ code: 0, stderr: '' });
    const tasks = await runningTasks('shop_web');
    expect(await deploy('alice')).toMatchObject({ code: 0, stderr: '' });
    await registry.kill();
    expect(await deploy('alice')).toMatchObject({ code: 0, stderr: '' });
    await registry.restart();
    expect(await runningTasks('shop_web')).toBe(tasks);
    expect((await ok('stack', 'history', '--format', '{{.Version}}', 'shop')).split('\n')).toHaveLength(1);
  });

  it('rolls when its tag has moved in the registry', async () => {
    await ok('pull', image('web:1'));
    await ok('tag', image('web:1'), image('web:moves'));
    expect(await pushed('moves')).toBe(digests.get('1'));
    expect(await deploy('alice')).toMatchObject({ code: 0 });
    expect(await imageOf('shop_web')).toBe(`${image('web:moves')}@${digests.get('1')}`);
    expect(await versions('shop_web')).toEqual(['1', '1', '1']);
  });

  it('fails with what the registry says of a wrong password', async () => {
    await logIn('stranger', 'wrong');
    await write('2');
    for (const host of hosts) await host.gantry(['rmi', '-f', image('web:2')]);
    await ok('service', 'rm', 'front');
    await until('its containers to go', async () => (await versions('front')).every((one) => one === undefined));
    for (const host of hosts) await host.gantry(['image', 'prune', '-a', '-f']);
    const { code, stderr } = await deploy('stranger', 'other');
    expect(code).toBe(1);
    expect(stderr).toContain(`image ${image('web:2')} could not be accessed on a registry to record its digest.`);
    expect(stderr).toContain(`pull access denied for ${image('web')}, repository does not exist or may require`);
    expect(await ok('stack', 'ps', '--no-trunc', '--format', '{{.Error}}', 'other')).toContain('pull access denied');
  });

  it('that names what its registry does not have is refused, with its line', async () => {
    await write('none');
    const { code, stderr } = await deploy('alice', 'nothing');
    expect(code).toBe(1);
    expect(stderr).toMatch(/stack\.yml:1:\d+: services\.web\.image: no such image ".*web:none"/);
    expect(await ok('stack', 'ls', '--format', '{{.Name}}')).not.toContain('nothing');
  });
});
