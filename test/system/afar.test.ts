/** A cluster used from a host that isn't in it: with nothing but the CLI and one file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandOptions, type CommandResult, runCommand } from '../lab/command.ts';
import { ROOT } from '../lab/engine-host.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

const STACK = `
services:
  web:
    image: busybox
    command: sh -c 'echo hello from $$HOSTNAME; exec sleep infinity'
    init: true
    deploy:
      replicas: 2
`;

let lan: Lan;
let manager: Host;
let worker: Host;
let outside: Host;

beforeAll(async () => {
  lan = await Lan.create('afar', 3);
  [manager, worker, outside] = lan.hosts as [Host, Host, Host];
  await Promise.all([manager.start(), worker.start()]);
  await Promise.all([manager, worker].map((host) => importBusybox(host)));
  await manager.ok(['cluster', 'init', '--advertise-addr', manager.address]);
  const token = await manager.ok(['cluster', 'join-token', '-q', 'worker']);
  await worker.ok(['cluster', 'join', '--token', token, `${manager.address}:2377`]);
});

afterAll(() => lan.destroy());

/** The CLI on the host outside, which has no gantryd. */
function afar(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const env = { HOME: outside.directory, GANTRY_HOST: '', GANTRY_CONTEXT: '', GANTRY_CONFIG: '' };
  return runCommand(outside.inside([join(ROOT, 'cli/bin/gantry'), ...args]), { env, ...options });
}

async function ok(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await afar(args, options);
  if (code !== 0) throw new Error(`gantry ${args.join(' ')} exited with ${code}\n${stdout}${stderr}\n${manager.log()}`);
  return stdout.trimEnd();
}

async function refused(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await afar(args);
  expect({ args, done: code === 0, stdout }).toEqual({ args, done: false, stdout: '' });
  return stderr;
}

/** What the manager logs of the client. */
function logged(name: string): { readonly msg: string; readonly method?: string; readonly reason?: string }[] {
  const lines = readFileSync(manager.logPath, 'utf8').split('\n');
  return lines.flatMap((line) => (line.startsWith('{') && line.includes(`"${name}"`) ? [JSON.parse(line)] : []));
}

const replicas = () => ok(['service', 'ls', '--format', '{{.Replicas}}']);

describe('an administrator outside the cluster', () => {
  it('needs one file, and goes on to the next manager when one does not answer', async () => {
    // Nobody listens at the first.
    const managers = ['--manager', outside.address, '--manager', manager.address];
    const file = await manager.ok(['client', 'create', 'ci', '--role', 'admin', ...managers, '-o', '-']);
    expect(await ok(['context', 'import', 'prod', '-'], { stdin: file })).toBe('prod');
    await ok(['context', 'use', 'prod']);
    const { stdout, stderr } = await afar(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual([`${manager.name} Ready`, `${worker.name} Ready`]);
    expect(stderr).toMatch(/^gantry: warning: tcp:.*: no manager answers \(ECONNREFUSED\); trying tcp:/);
    await ok(['context', 'rm', '--force', 'prod']);
    const own = await manager.ok(['client', 'create', 'laptop', '--role', 'admin', '-o', '-']);
    await ok(['context', 'import', 'prod', '-'], { stdin: own });
    await ok(['context', 'use', 'prod']);
    expect((await afar(['version'])).stderr).toBe('');
  });

  it('deploys, reads logs of all hosts, and scales', async () => {
    const deployed = await ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
    expect(deployed).toContain('shop_web: 2/2 running');
    const lines = (await ok(['service', 'logs', 'shop_web'])).split('\n');
    expect(lines.filter((line) => line.includes('hello from'))).toHaveLength(2);
    for (const host of [manager, worker]) expect(lines.join('\n')).toContain(host.name);
    await ok(['service', 'scale', 'shop_web=3']);
    expect(await replicas()).toBe('3/3');
  });

  it('has the engine of the manager’s host: builds, runs, and opens a shell', async () => {
    mkdirSync(join(outside.directory, 'image'));
    writeFileSync(join(outside.directory, 'image/Dockerfile'), 'FROM busybox\nCOPY greeting /\nCMD cat /greeting\n');
    writeFileSync(join(outside.directory, 'image/greeting'), 'built from afar\n');
    await ok(['build', '-q', '-t', 'greeting:1', join(outside.directory, 'image')]);
    expect(await ok(['run', '--rm', 'greeting:1'])).toBe('built from afar');
    expect(await manager.ok(['images', '-q', 'greeting:1'])).not.toBe('');
    const [container = ''] = (await ok(['ps', '-q'])).split('\n');
    expect(await ok(['exec', '-i', container, 'cat'], { stdin: 'typed' })).toBe('typed');
    const failed = await afar(['exec', container, 'sh', '-c', 'exit 7']);
    expect(failed.code).toBe(7);
  });

  it('is told what is done on the host itself', async () => {
    for (const args of [
      ['cluster', 'leave', '--force'],
      ['system', 'stop', '--force'],
    ]) {
      expect(await refused(args)).toContain('run the command there');
    }
  });

  it('is out at once when the certificate is revoked, with what it had open', async () => {
    const [container = ''] = (await ok(['ps', '-q'])).split('\n');
    const shell = afar(['exec', '-i', container, 'sh', '-c', 'touch /tmp/open && sleep 60']);
    await until('the shell to be open', async () => {
      return (await manager.gantry(['exec', container, 'test', '-e', '/tmp/open'])).code === 0;
    });
    await manager.ok(['client', 'rm', 'laptop']);
    const why =
      'refused: the certificate of client laptop has been revoked; get another with "gantry client create NAME"';
    expect((await shell).stderr).toContain(why);
    expect(await refused(['node', 'ls'])).toContain(why);
    expect(await refused(['ps'])).toContain(why);
    expect(await manager.ok(['client', 'ls', '-q'])).toBe('ci');
    const told = logged('laptop').map(({ msg, method = '', reason = '' }) => `${msg} ${method} ${reason}`.trim());
    expect(told).toContain('issued a client certificate');
    expect(told).toContain('revoked a client certificate');
    for (const method of ['Control/NodeList', 'Engine/ContainerList']) {
      const reason = 'refused: the certificate of client laptop has been revoked';
      expect(told).toContain(`call refused /gantry.v1.${method} ${reason}`);
    }
  });
});

describe('a viewer outside the cluster', () => {
  it('sees all and changes nothing', async () => {
    const file = await manager.ok(['client', 'create', 'eye', '--role', 'viewer', '-o', '-']);
    await ok(['context', 'import', 'eye', '-'], { stdin: file });
    await ok(['context', 'use', 'eye']);
    expect(await replicas()).toBe('3/3');
    expect(await ok(['service', 'logs', 'shop_web'])).toContain('hello from');
    const [container = ''] = (await ok(['ps', '-q'])).split('\n');
    for (const args of [
      ['service', 'scale', 'shop_web=1'],
      ['stack', 'rm', 'shop'],
      ['node', 'update', '--availability', 'drain', worker.name],
      ['cluster', 'join-token', 'manager'],
      ['cluster', 'backup', '-'],
      ['client', 'create', 'more', '--role', 'admin', '-o', '-'],
      ['exec', container, 'true'],
      ['run', '--rm', 'busybox', 'true'],
      ['rmi', 'greeting:1'],
    ]) {
      expect(await refused(args)).toContain('refused: client eye may only look');
    }
    expect(await replicas()).toBe('3/3');
  });
});

describe('who has no client certificate', () => {
  it('is not let in: not with none, nor with a node’s', async () => {
    const host = ['-H', `tcp://${manager.address}:2377`];
    expect(await refused([...host, 'node', 'ls'])).toContain('asks for a client certificate');
    const [ca, node] = ['ca.crt', 'node.pem'].map((file) => join(worker.dataRoot, 'identity', file));
    const files = ['--tlscacert', ca ?? '', '--tlscert', node ?? '', '--tlskey', node ?? ''];
    expect(await refused([...host, ...files, 'node', 'ls'])).toContain('is not one for the use of a Gantry cluster');
  });
});
