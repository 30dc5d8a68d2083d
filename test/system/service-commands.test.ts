/** Services without a compose file: created, changed, rolled back, rolled anew, scaled and removed from the command line. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { fetchOne } from '../lab/requests.ts';
import { until } from '../lab/until.ts';

const PORT = 8081;
const SERVE = 'mkdir -p /www && echo "$GREETING" >/www/index.html && exec httpd -f -p 80 -h /www';

let host: Host;

beforeAll(async () => {
  host = await Host.create('service');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
  await host.ok(['image', 'tag', 'busybox', 'web:2']);
});

afterAll(() => host.destroy());

/** Full ids of the running containers of web. */
async function containers(): Promise<string[]> {
  const ids = await host.look(['ps', '-q', '--no-trunc', '--filter', 'name=web.']);
  return ids.split('\n').filter((id) => id !== '');
}

async function inspect(template: string): Promise<string> {
  return host.look(['service', 'inspect', '--format', template, 'web']);
}

/** The page of the service, once it is this. */
async function untilPage(text: string): Promise<void> {
  await until(`the page to be ${text}`, async () => {
    return (await fetchOne(host.inside([]), `http://127.0.0.1:${PORT}/`)).trim() === text;
  });
}

describe('service', () => {
  it('create waits until all runs, and prints the id', async () => {
    const flags = ['--name', 'web', '--replicas', '2', '-e', 'GREETING=hello', '-p', `${PORT}:80`, '--init'];
    flags.push('--constraint', 'node.role==manager', '--label', 'tier=front', '--restart-delay', '1s', '-q');
    flags.push('--update-monitor', '0s', '--rollback-monitor', '0s');
    const id = await host.ok(['service', 'create', ...flags, 'busybox', 'sh', '-c', SERVE]);
    expect(id).toBe(await inspect('{{.ID}}'));
    expect(await containers()).toHaveLength(2);
    await untilPage('hello');
  });

  it('create says in one line what is wrong, and makes nothing', async () => {
    for (const [flags, message] of [
      [['nope:1'], /^gantry: no such image "nope:1"; .*\n$/],
      [['--name', 'web', 'busybox'], /^gantry: service web already exists; .*\n$/],
      [
        ['-p', `${PORT}:80`, 'busybox'],
        new RegExp(`^gantry: port ${PORT}/tcp is already published by service web; .*\\n$`),
      ],
      [['--network', 'nope', 'busybox'], /undefined network "nope"/],
      [['--constraint', 'zone=a', 'busybox'], /^gantry: invalid argument "zone=a" for --constraint; .*\n$/],
    ] as const) {
      const { code, stderr } = await host.gantry(['service', 'create', ...flags]);
      expect(stderr).toMatch(message);
      expect(code).not.toBe(0);
    }
    expect(await host.ok(['service', 'ls', '--format', '{{.Name}}'])).toBe('web');
  });

  it('update changes what it is told, in all tasks', async () => {
    const before = await containers();
    const flags = ['--image', 'web:2', '--env-add', 'GREETING=hello again', '--env-add', 'MORE=1'];
    await host.ok(['service', 'update', ...flags, '--limit-memory', '64m', '--update-parallelism', '0', 'web']);
    await untilPage('hello again');
    const after = await containers();
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    for (const id of after) {
      const template = '{{.Config.Image}} {{.HostConfig.Memory}} {{json .Config.Env}}';
      const [image, memory, env] = (await host.ok(['inspect', '--format', template, id])).split(' ', 3);
      expect([image, memory]).toEqual(['web:2', String(64 << 20)]);
      expect(env).toContain('"GREETING=hello');
    }
  });

  it('rollback brings the spec before back', async () => {
    await host.ok(['service', 'rollback', 'web']);
    await untilPage('hello');
    expect(await inspect('{{json .Spec.TaskTemplate.ContainerSpec.Env}}')).toBe('["GREETING=hello"]');
    expect(await inspect('{{.Spec.TaskTemplate.ContainerSpec.Image}}')).toBe('busybox');
    await host.ok(['service', 'update', '--rollback', 'web']);
    await untilPage('hello again');
  });

  it('update that is none of the tasks’ leaves them alone, and can be taken back, too', async () => {
    const before = await containers();
    const labels = await inspect('{{json .Spec.Labels}}');
    await host.ok(['service', 'update', '--label-add', 'team=a', '--label-rm', 'tier', 'web']);
    expect(await inspect('{{json .Spec.Labels}}')).toBe('{"team":"a"}');
    expect(await containers()).toEqual(before);
    await host.ok(['service', 'rollback', 'web']);
    expect(await inspect('{{json .Spec.Labels}}')).toBe(labels);
    expect(await containers()).toEqual(before);
    await host.ok(['service', 'rollback', 'web']);
  });

  it('update --force replaces all tasks', async () => {
    const before = await containers();
    await host.ok(['service', 'update', '--force', 'web']);
    const after = await containers();
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect(await inspect('{{.Spec.TaskTemplate.ForceUpdate}}')).toBe('1');
  });

  it('create tells what went wrong with the tasks', async () => {
    const failing = ['service', 'create', '--name', 'failing', '--restart-condition', 'none', 'busybox'];
    const { code, stdout, stderr } = await host.gantry([...failing, 'sh', '-c', 'echo no such file; exit 3']);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('no such file');
    await host.ok(['service', 'rm', 'failing']);
  });

  it.each(['host', 'none', 'bridge'])('runs on the network %s of each host, in global mode', async (network) => {
    const name = `on-${network}`;
    const flags = ['--name', name, '--mode', 'global', '--network', network, '--init', '-q'];
    await host.ok(['service', 'create', ...flags, 'busybox', 'sleep', '1000']);
    const shown = await host.ok(['service', 'ls', '--filter', `name=${name}`, '--format', '{{.Mode}} {{.Replicas}}']);
    expect(shown).toBe('global 1/1');
    await host.ok(['service', 'rm', name]);
  });

  it('takes networks, secrets and configs that are there by name', async () => {
    const service =
      'services: {web: {image: busybox, command: sleep infinity, init: true, secrets: [key], configs: [conf]}}';
    const secrets = 'secrets: {key: {environment: KEY}}\nconfigs: {conf: {content: settings}}';
    await host.ok(['stack', 'deploy', '-c', '-', 'shop'], {
      stdin: `${service}\n${secrets}\n`,
      env: { KEY: 'hunter2' },
    });
    const named = ['--network', 'name=shop_default,alias=other', '--secret', 'shop_key', '--config', 'shop_conf'];
    await host.ok([
      'service',
      'create',
      '--name',
      'user',
      '--init',
      '--update-monitor',
      '0s',
      ...named,
      'busybox',
      'sleep',
      '1000',
    ]);
    const inside = async (...command: string[]) => {
      const [id = ''] = (await host.ok(['ps', '-q', '--filter', 'name=user.'])).split('\n');
      return host.ok(['exec', id, ...command]);
    };
    expect(await inside('cat', '/run/secrets/shop_key', '/shop_conf')).toBe('hunter2settings');
    for (const name of ['web', 'user', 'other', 'tasks.user']) await inside('nslookup', name);
    await host.ok(['service', 'update', '--secret-rm', 'shop_key', '--network-rm', 'shop_default', 'user']);
    expect(await inside('ls', '/run/secrets').catch(() => '')).toBe('');
    await expect(inside('nslookup', 'web')).rejects.toThrow();
    await host.ok(['service', 'rm', 'user']);
    await host.ok(['stack', 'rm', 'shop']);
  });

  it('scales, publishes elsewhere, and goes', async () => {
    await host.ok([
      'service',
      'update',
      '--replicas',
      '1',
      '--publish-rm',
      '80',
      '--publish-add',
      'published=8082,target=80',
      'web',
    ]);
    await host.ok(['service', 'scale', 'web=3']);
    expect(await host.ok(['service', 'ls', '--filter', 'name=web', '--format', '{{.Replicas}} {{.Ports}}'])).toBe(
      '3/3 *:8082->80/tcp',
    );
    await host.ok(['service', 'rm', 'web']);
    await until('its containers to go', async () => (await host.look(['ps', '-aq'])) === '');
    const { code, stderr } = await host.gantry(['service', 'update', '--force', 'web']);
    expect([code, stderr]).toEqual([1, 'gantry: no such service: web\n']);
  });
});
