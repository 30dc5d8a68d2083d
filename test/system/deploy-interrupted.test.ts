/** Deploys that something comes between: the leader that ends or loses its power, and the user who presses Ctrl-C. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../lab/host.ts';
import { importBusyboxInto } from '../lab/image.ts';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import { Lan } from '../lab/lan.ts';
import type { PoweredHost } from '../lab/powered-host.ts';
import { until } from '../lab/until.ts';

const REPLICAS = 6;

let lan: Lan;
let hosts: Host[];

beforeAll(async () => {
  lan = await Lan.create('cut', 3);
  hosts = lan.hosts;
  const [first, ...others] = hosts as [Host, ...Host[]];
  await Promise.all(hosts.map((host) => host.start()));
  await importBusyboxInto(hosts);
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.ok(['cluster', 'join-token', '-q', 'manager']);
  for (const host of others) await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
});

afterAll(() => lan.destroy());

function stackFile(name: string, text: string): string {
  const path = join((hosts[0] as Host).directory, `${name}.yml`);
  writeFileSync(path, text);
  return path;
}

/** A command that runs, with what it has written so far. */
function begin(host: Pick<Host, 'command'>, ...argv: string[]) {
  const [program = '', ...args] = host.command(argv);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const running = { child, output: '', ended: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (running.output += String(data)));
  return running;
}

/** The host whose manager leads, and another one. */
async function leaderAndOther(): Promise<{ leader: Host; other: Host }> {
  const names = (await Promise.all(hosts.map((host) => host.look(['info', '--format', '{{.Name}}'])))) as string[];
  const list = await (hosts[0] as Host).look(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
  const leading = list
    .split('\n')
    .find((line) => line.endsWith(' Leader'))
    ?.split(' ')[0];
  const leader = hosts.find((_, index) => names[index] === leading) as Host;
  return { leader, other: hosts.find((host) => host !== leader) as Host };
}

const containers = async (service: string) =>
  (await Promise.all(hosts.map((host) => host.look(['ps', '-q', '--filter', `name=${service}.`]))))
    .flatMap((ids) => ids.split('\n'))
    .filter((id) => id !== '');

describe('a deploy whose leader is killed', () => {
  it.each([
    ['before it has answered', 'asked'],
    ['while tasks are being started', 'starting'],
  ])('%s ends when all runs, once', async (_, when) => {
    const file = stackFile(
      when,
      `services:
  web:
    image: busybox
    init: true
    command: sleep 1000
    stop_grace_period: 1s
    healthcheck: { test: "true", interval: 300ms, start_period: 30s }
    deploy: { replicas: ${REPLICAS}, update_config: { monitor: 500ms } }
`,
    );
    const { leader, other } = await leaderAndOther();
    const deploy = begin(other, 'stack', 'deploy', '-c', file, when);
    if (when === 'starting') await until('its first lines', async () => deploy.output.includes(`${when}_web: `));
    await leader.kill();
    expect([await deploy.ended, deploy.output]).toEqual([0, expect.stringContaining(`${when}_web: 6/6 running\n`)]);
    // No stack traces, no internals: each line is one of these.
    const known =
      /^(Creating \w+ \w+|Updating \w+ \w+|\w+: \d\/6 running.*|watch: interrupted, .*|gantry: warning: .*)?$/;
    expect(deploy.output.split('\n').filter((line) => !known.test(line))).toEqual([]);
    await leader.start();
    await until('each task once', async () => (await containers(`${when}_web`)).length === REPLICAS, 60_000);
    const versions = ['stack', 'history', '--format', '{{.Version}}', when];
    expect(await other.ok(versions)).toBe('1');
    await other.ok(['stack', 'rm', when]);
  });
});

describe('a deploy whose leader loses its power', () => {
  it('ends when all runs on the others, each once, as one version', async () => {
    const lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-power-')), 3);
    try {
      await formCluster(lab, () => undefined);
      const file = join(lab.directory, 'stack.yml');
      writeFileSync(
        file,
        `services:
  web:
    image: busybox
    init: true
    command: sleep 1000
    healthcheck: { test: "true", interval: 300ms, start_period: 30s }
    deploy: { replicas: ${REPLICAS}, update_config: { monitor: 500ms } }
`,
      );
      const list = await lab.host('h1').ok(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
      const leader = lab.host(/^(\S+) Leader$/m.exec(list)?.[1] ?? '');
      const others = lab.hosts.filter((host) => host !== leader);
      const [asked] = others as [PoweredHost];
      const deploy = begin(asked, 'stack', 'deploy', '-c', file, 'dark');
      await until('its first lines', async () => deploy.output.includes('dark_web: '));
      await leader.powerOff();
      expect([await deploy.ended, deploy.output]).toEqual([0, expect.stringContaining('dark_web: 6/6 running\n')]);
      const running = ['ps', '-q', '--filter', 'name=dark_web.'];
      const ids = async (some: readonly PoweredHost[]) =>
        (await Promise.all(some.map((host) => host.ok(running)))).flatMap((text) => text.split('\n').filter(Boolean));
      expect(await ids(others)).toHaveLength(REPLICAS);
      expect(await asked.ok(['stack', 'history', '--format', '{{.Version}}', 'dark'])).toBe('1');
      await leader.start();
      // What it ran before has been replaced.
      await until('the node to be back', async () => {
        const nodes = await asked.ok(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
        return nodes.split('\n').every((line) => line.endsWith(' Ready'));
      });
      await until('each task once', async () => (await ids(lab.hosts)).length === REPLICAS, 60_000);
    } finally {
      await Lab.destroy(lab.directory);
      await rm(lab.directory, { recursive: true, force: true });
    }
  });
});

describe('a deploy that its user leaves', () => {
  it('goes on, and says so', async () => {
    const [host] = hosts as [Host];
    const file = stackFile(
      'left',
      'services: { web: { image: busybox, init: true, command: sleep 1000, healthcheck: { test: "false", start_period: 60s } } }\n',
    );
    const deploy = begin(host, 'stack', 'deploy', '-c', file, 'left');
    await until('its first lines', async () => deploy.output.includes('left_web: '));
    deploy.child.kill('SIGINT');
    expect(await deploy.ended).toBe(130);
    expect(deploy.output).toContain(
      "gantry: interrupted: the deploy of stack left goes on; 'gantry stack ps left' shows how far it is, ",
    );
    expect(await host.ok(['stack', 'ps', '-q', 'left'])).not.toBe('');
    await host.ok(['stack', 'rm', 'left']);
  });
});

describe('up in the foreground', () => {
  it('goes away with the third Ctrl-C, although the managers say nothing', async () => {
    const [host] = hosts as [Host];
    const file = stackFile(
      'gone',
      'services: { a: { image: busybox, init: true, command: sh -c "echo begun; sleep 1000" } }',
    );
    const up = begin(host, 'compose', '-p', 'gone', '-f', file, 'up');
    await until('the first line', async () => up.output.includes('| begun'));
    const managers = hosts.map((one) => one.pid('manager'));
    for (const pid of managers) process.kill(pid, 'SIGSTOP');
    try {
      up.child.kill('SIGINT');
      await until('the answer to the first', async () => up.output.includes('press Ctrl+C again to force'));
      // Two that come too close together count as one.
      let ended: number | null | undefined;
      void up.ended.then((code) => (ended = code));
      await until('its end', async () => {
        up.child.kill('SIGINT');
        return ended !== undefined;
      });
      // A fourth, as it goes away, ends it as signals do.
      expect([130, null]).toContain(ended);
    } finally {
      up.child.kill('SIGKILL');
      for (const pid of managers) process.kill(pid, 'SIGCONT');
    }
    await until('the managers', async () => (await host.gantry(['node', 'ls'])).code === 0, 60_000);
    await host.ok(['compose', '-p', 'gone', '-f', file, 'down', '-t', '0']);
  });
});
