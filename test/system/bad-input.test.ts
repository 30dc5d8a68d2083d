/** Mistakes in a compose file: one line that names file, line and remedy; exit code 1; nothing made. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../lab/command.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-bad-'));
  host = await Host.create('bad');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await host.destroy();
});

async function deploy(text: string, stack = 'bad') {
  writeFileSync(join(directory, 'stack.yml'), text);
  return host.gantry(['stack', 'deploy', '-c', 'stack.yml', stack], { cwd: directory });
}

const service = (lines: string) =>
  `services:\n  web:\n    image: busybox\n    command: sleep 1000\n    ${lines}\n    init: true\n`;

describe('a bad stack', () => {
  it.each([
    ['YAML syntax', 'services:\n  web: [\n', /stack\.yml:\d+:\d+: YAML: .*; /],
    [
      'an unknown key',
      service('commmand: x'),
      /stack\.yml:5:5: services\.web\.commmand: unknown key; did you mean "command"\?/,
    ],
    [
      'a missing image',
      'services:\n  web:\n    image: nope:1\n',
      /stack\.yml:3:\d+: services\.web\.image: no such image.*;.*/,
    ],
    [
      'a missing env_file',
      service('env_file: none.env'),
      /stack\.yml:5:\d+: services\.web\.env_file: env_file "none\.env" not found; /,
    ],
    [
      'an undefined network',
      service('networks: [nope]'),
      /stack\.yml:5:\d+: .*network "nope" is not defined; add "nope:"/,
    ],
    [
      'a circle',
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n',
      /stack\.yml:3:\d+: .*circle: a → b → a; /,
    ],
  ])('with %s is refused', async (_, text, message) => {
    const { code, stdout, stderr } = await deploy(text);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    expect(await host.ok(['stack', 'ls', '--format', '{{.Name}}'])).toBe('');
    expect(await host.ok(['network', 'ls', '--format', '{{.Name}}'])).not.toContain('bad');
  });

  it('with a port that another service or process has is refused', async () => {
    const ports = service('ports: ["18080:80"]');
    expect((await deploy(ports, 'first')).code).toBe(0);
    const second = await deploy(ports, 'second');
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/stack\.yml:5:\d+: services\.web\.ports: .*18080.*first_web.*; /);
    await host.ok(['stack', 'rm', 'first']);
    const holder = runCommand(host.inside(['timeout', '20', 'busybox', 'nc', '-l', '-p', '18080']));
    const third = await deploy(ports, 'third');
    expect(third.code).toBe(1);
    expect(third.stderr).toMatch(/stack\.yml:5:\d+: services\.web\.ports: .*18080.*; /);
    expect(await host.ok(['stack', 'ls', '--format', '{{.Name}}'])).toBe('');
    await runCommand(host.inside(['busybox', 'nc', '127.0.0.1', '18080']), { stdin: 'x' });
    await holder;
  });

  it('whose tasks fail exits with the reason and the last lines of their log', async () => {
    const text = 'services:\n  web:\n    image: busybox\n    command: sh -c "echo cannot find the config; exit 3"\n';
    const { code, stderr, stdout } = await deploy(text, 'failing');
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('cannot find the config');
    expect(stderr).toMatch(/exit(ed)?.*3/);
    await host.ok(['stack', 'rm', 'failing']);
  });

  it('whose tasks exceed their memory says so, after they have been restarted', async () => {
    const hog = 'sh -c "x=$$(yes | head -c 64000000); echo $$x | wc -c"';
    const limit = 'deploy: {resources: {limits: {memory: 16M}}, restart_policy: {delay: 0s}}';
    // However slow the machine is: it isn't up before it has used too much.
    const health = 'healthcheck: {test: [CMD, "false"], start_period: 60s}';
    const { code, stderr } = await deploy(
      `services:\n  web:\n    image: busybox\n    command: ${hog}\n    ${limit}\n    ${health}\n`,
      'hungry',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('out of memory');
    const tasks = await host.ok([
      'service',
      'ps',
      '--no-trunc',
      '--format',
      '{{.CurrentState}} {{.Error}}',
      'hungry_web',
    ]);
    expect(tasks.split('\n').filter((line) => line.includes('out of memory')).length).toBeGreaterThan(1);
    await host.ok(['stack', 'rm', 'hungry']);
  });
});
