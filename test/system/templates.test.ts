/** What a user sees of templates, and of the versions of configs and secrets that come from files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-templates-'));
  host = await Host.create('tmpl');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await host.destroy();
});

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

function deploy(stack: string) {
  return host.gantry(['stack', 'deploy', '-c', 'stack.yml', stack], { cwd: directory });
}

/** Ids of a service's containers, by slot. */
async function containers(service: string): Promise<string[]> {
  const lines = await host.look(['ps', '--no-trunc', '--filter', `name=${service}`, '--format', '{{.Names}} {{.ID}}']);
  const bySlot = lines.split('\n').filter((line) => line !== '');
  return bySlot.sort().map((line) => line.split(' ')[1] ?? '');
}

async function inEach(service: string, argv: readonly string[]): Promise<string[]> {
  const ids = await containers(service);
  return Promise.all(ids.map((id) => host.ok(['exec', id, ...argv])));
}

describe('templates', () => {
  it('come to each task as what it is and where it runs, and stay as written in the service', async () => {
    write('app.conf', 'slot={{.Task.Slot}} where={{env "WHERE"}} password={{secret "password"}}\n');
    write('password.txt', 'hunter2');
    write(
      'stack.yml',
      `services:
  web:
    image: busybox
    command: sleep 1000
    init: true
    hostname: 'web-{{.Task.Slot}}'
    environment:
      WHERE: '{{.Node.Hostname}} ({{.Node.Platform.OS}})'
      TIER: '{{index .Service.Labels "tier"}}'
    volumes: ['data:/data']
    configs: [{source: app, target: /etc/app.conf}]
    secrets: [password]
    deploy: {replicas: 2, labels: {tier: front}}
volumes:
  data: {name: 'data-{{.Task.Slot}}'}
configs:
  app: {file: app.conf, template_driver: golang}
secrets:
  password: {file: password.txt}
`,
    );
    expect(await deploy('tmpl')).toMatchObject({ code: 0 });
    expect(await inEach('tmpl_web', ['hostname'])).toEqual(['web-1', 'web-2']);
    const where = `${host.name} (linux)`;
    expect(await inEach('tmpl_web', ['sh', '-c', 'echo "$WHERE $TIER"'])).toEqual([`${where} front`, `${where} front`]);
    expect(await inEach('tmpl_web', ['cat', '/etc/app.conf'])).toEqual([
      `slot=1 where=${where} password=hunter2`,
      `slot=2 where=${where} password=hunter2`,
    ]);
    const volumes = (await host.ok(['volume', 'ls', '--format', '{{.Name}}'])).split('\n');
    expect(volumes).toEqual(expect.arrayContaining(['data-1', 'data-2']));
    const spec = await host.ok(['service', 'inspect', 'tmpl_web']);
    expect(spec).toContain('web-{{.Task.Slot}}');
    const before = await containers('tmpl_web');
    expect(await deploy('tmpl')).toMatchObject({ code: 0 });
    expect(await containers('tmpl_web')).toEqual(before);
    await host.ok(['stack', 'rm', 'tmpl']);
  });

  it('come to what they are also in a config that was made beforehand', async () => {
    write('greeting', 'I am {{.Task.Name}}');
    const created = ['config', 'create', '--template-driver', 'golang', 'greeting', 'greeting'];
    expect(await host.gantry(created, { cwd: directory })).toMatchObject({ code: 0 });
    write(
      'stack.yml',
      'services:\n  web:\n    image: busybox\n    command: sleep 1000\n    init: true\n    configs: [greeting]\n' +
        'configs:\n  greeting: {external: true}\n',
    );
    expect(await deploy('ext')).toMatchObject({ code: 0 });
    const [greeting = ''] = await inEach('ext_web', ['cat', '/greeting']);
    expect(greeting).toMatch(/^I am ext_web\.1\./);
    const refused = await host.gantry(['config', 'rm', 'greeting']);
    expect(refused.stderr).toContain('config greeting is used by ext_web');
    expect(refused.code).toBe(1);
    await host.ok(['stack', 'rm', 'ext']);
    await host.ok(['config', 'rm', 'greeting']);
    await until('no config', async () => (await host.look(['config', 'ls', '-q'])) === '');
  });

  it('that nothing can come of are refused with file, line and key, and nothing is made', async () => {
    write('stack.yml', `services:\n  web:\n    image: busybox\n    hostname: '{{.Task.Slto}}'\n`);
    const { code, stdout, stderr } = await deploy('bad');
    expect(stderr).toMatch(/stack\.yml:4:\d+: services\.web\.hostname: bad template: .*there is no field Slto.*; /);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    expect(await host.ok(['stack', 'ls', '--format', '{{.Name}}'])).toBe('');
  });

  it('that come to nothing only here reject the task, and the deploy says why', async () => {
    const zone = `'{{index (split .Node.Hostname "/") 1}}'`;
    const text = `services:\n  web:\n    image: busybox\n    command: sleep 1000\n    environment: {ZONE: ${zone}}\n`;
    write('stack.yml', text);
    const { code, stderr } = await deploy('lost');
    expect(stderr).toContain('expand the template in environment variable ZONE of lost_web');
    expect(stderr).toContain('index out of range');
    expect(code).toBe(1);
    await host.ok(['stack', 'rm', 'lost']);
  });
});

describe('a config and a secret from files', () => {
  const reads =
    '    image: busybox\n    command: sleep 1000\n    init: true\n    deploy: {update_config: {monitor: 1ms}}\n';

  async function version(kind: 'config' | 'secret', name: string): Promise<string> {
    return host.ok([kind, 'ls', '--filter', `name=${name}`, '--format', '{{.ID}}']);
  }

  it('have a new version when the file changes, and only what uses it rolls', async () => {
    write('app.conf', 'one');
    write('key.txt', 'first');
    write(
      'stack.yml',
      `services:\n  app:\n${reads}    configs: [app]\n  safe:\n${reads}    secrets: [key]\n  plain:\n${reads}` +
        'configs:\n  app: {file: app.conf}\nsecrets:\n  key: {file: key.txt}\n',
    );
    expect(await deploy('ver')).toMatchObject({ code: 0 });
    const services = ['ver_app', 'ver_safe', 'ver_plain'];
    const [app, safe, plain] = await Promise.all(services.map(containers));
    const [config, secret] = [await version('config', 'ver_app'), await version('secret', 'ver_key')];

    write('app.conf', 'two');
    const changed = await deploy('ver');
    expect(changed).toMatchObject({ code: 0 });
    expect(changed.stdout).toContain('Updating config ver_app\nUpdating service ver_app\n');
    expect(await inEach('ver_app', ['cat', '/app'])).toEqual(['two']);
    expect(await containers('ver_app')).not.toEqual(app);
    expect([await containers('ver_safe'), await containers('ver_plain')]).toEqual([safe, plain]);
    expect(await version('secret', 'ver_key')).toBe(secret);
    const newer = await version('config', 'ver_app');
    expect(newer.split('\n')).toHaveLength(1);
    expect(newer).not.toBe(config);

    write('key.txt', 'second');
    expect(await deploy('ver')).toMatchObject({ code: 0 });
    expect(await inEach('ver_safe', ['cat', '/run/secrets/key'])).toEqual(['second']);
    expect(await containers('ver_safe')).not.toEqual(safe);
    expect(await containers('ver_plain')).toEqual(plain);
  });

  it('come back when the file does', async () => {
    write('app.conf', 'one');
    expect(await deploy('ver')).toMatchObject({ code: 0 });
    expect(await inEach('ver_app', ['cat', '/app'])).toEqual(['one']);
    await host.ok(['stack', 'rm', 'ver']);
    await until('no config', async () => (await host.look(['config', 'ls', '-q'])) === '');
    expect(await host.ok(['secret', 'ls', '-q'])).toBe('');
  });
});
