/** `npm run lab` as a user has it: a cluster of three from the shell, a blip, and a host that loses its power. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeCensusOutside } from '../lab/census.ts';
import { Cgroup } from '../lab/cgroup.ts';
import { type CommandResult, runCommand } from '../lab/command.ts';
import { ROOT } from '../lab/engine-host.ts';
import { labId } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

const BLIP_MS = 5000;
/** By default three heartbeats of 1 s are missed, then the node has 5 s more to come back. */
const DOWN_MS = 4000;
/** What is promised. */
const REPLACED_MS = 10_000;
/** For a machine that does other things, too. */
const SLACK_MS = 5000;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-lab-test-'));
});

afterAll(async () => {
  await lab('down');
  await rm(directory, { recursive: true, force: true });
});

function lab(...words: string[]): Promise<CommandResult> {
  return runCommand(['sh', join(ROOT, '.ci/lab'), ...words], { env: { GANTRY_LAB: directory } });
}

/** What a command that must succeed printed. */
async function ok(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab(...words);
  expect({ words, code, stderr }).toMatchObject({ code: 0 });
  return stdout.trimEnd();
}

const gantry = (host: string, ...words: string[]) => ok('exec', host, 'gantry', ...words);

/** By host; from a manager. */
async function nodes(on: string): Promise<Record<string, string>> {
  const lines = await gantry(on, 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}/{{.ManagerStatus}}');
  return Object.fromEntries(lines.split('\n').map((line) => line.split(' ') as [string, string]));
}

async function untilHealthy(on: string): Promise<void> {
  await until('all managers to be there', async () => {
    const { h1, h2, h3 } = await nodes(on);
    return [h1, h2, h3].toSorted((one = '', other = '') => one.localeCompare(other)).join(' ') === HEALTHY;
  });
}

const HEALTHY = 'Ready/Leader Ready/Reachable Ready/Reachable';

interface Task {
  readonly id: string;
  readonly node: string;
  readonly running: boolean;
}

/** All that there were, by id. */
async function tasks(on: string): Promise<Task[]> {
  const format = '{{.ID}} {{.Node}} {{.DesiredState}} {{.CurrentState}}';
  const lines = (await gantry(on, 'service', 'ps', 'spread_web', '--format', format)).split('\n');
  const all = lines.map((line) => {
    const [id = '', node = '', desired, state] = line.split(' ');
    return { id, node, running: desired === 'Running' && state === 'Running' };
  });
  return all.toSorted((one, other) => one.id.localeCompare(other.id));
}

const runningOn = (all: readonly Task[], node: string) => all.filter((task) => task.running && task.node === node);

describe('npm run lab', () => {
  it('makes a cluster of three managers', async () => {
    expect(await ok('up', '3')).toContain('exec h1 gantry node ls');
    expect(await nodes('h2')).toEqual({ h1: 'Ready/Leader', h2: 'Ready/Reachable', h3: 'Ready/Reachable' });
    expect(await ok('ls')).toMatch(/^h3 +10\.99\.0\.3 +manager +up$/m);
    expect((await lab('exec', 'h2', 'sh', '-c', 'exit 7')).code).toBe(7);
  });

  it('says in one line what it does not know', async () => {
    const unknownHost = await lab('power-off', 'h9');
    expect(unknownHost).toMatchObject({ code: 2, stderr: 'lab: there is no host "h9"; there are h1, h2, h3\n' });
    const unknownCommand = await lab('explode');
    expect(unknownCommand.code).toBe(2);
    expect(unknownCommand.stderr).toMatch(/^lab: there is no command "explode"; there are up, ls, down, .*\n$/);
    expect((await lab('up', '3')).stderr).toContain('already');
  });

  it('runs an example, one task on each host', async () => {
    await gantry('h1', 'stack', 'deploy', '-c', 'examples/spread/stack.yml', 'spread');
    expect((await tasks('h1')).map(({ node }) => node).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'h1',
      'h2',
      'h3',
    ]);
    const names = await ok('exec', 'h1', 'busybox', 'wget', '-q', '-O', '-', 'http://10.99.0.2:8080/');
    expect(names).toMatch(/^[0-9a-f]{12}$/);
  });

  it('cuts one way, and moves nothing for a blip', async () => {
    const before = await tasks('h1');
    const ping = (from: string, to: string) => lab('exec', from, 'busybox', 'ping', '-c', '1', '-W', '1', to);
    await ok('cut', 'h1', 'h3');
    const since = performance.now();
    await ok('cut', '--one-way', 'h2', 'h3');
    expect(await ok('ls')).toContain('cut: h2 → h3');
    expect((await ping('h3', '10.99.0.1')).code).toBe(1);
    expect((await ping('h1', '10.99.0.2')).code).toBe(0);
    await sleep(BLIP_MS - (performance.now() - since));
    await ok('heal');
    await untilHealthy('h2');
    expect(await tasks('h1')).toEqual(before);
  });

  it('replaces the tasks of a host that has lost its power', async () => {
    const before = performance.now();
    await ok('power-off', 'h3');
    expect(await ok('ls')).toMatch(/^h3 .* off$/m);
    const seconds = () => ((performance.now() - before) / 1000).toFixed(1);
    const isDown = async () =>
      (await gantry('h1', 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}')).includes('h3 Down');
    await until('h3 to be down', isDown, DOWN_MS + SLACK_MS);
    const down = seconds();
    await until(
      'its task to run elsewhere',
      async () => {
        const all = await tasks('h1');
        return runningOn(all, 'h1').length + runningOn(all, 'h2').length === 3;
      },
      REPLACED_MS + SLACK_MS - (performance.now() - before),
    );
    process.stdout.write(`down after ${down} s, replaced after ${seconds()} s\n`);
    const refused = await lab('exec', 'h3', 'true');
    expect(refused).toMatchObject({ code: 2, stderr: 'lab: h3 is off; "start h3" powers it on\n' });
  });

  it('takes it back after a reboot, with what it had on its disk', async () => {
    await ok('reboot', 'h3');
    await untilHealthy('h3');
    expect(await gantry('h3', 'ps', '-q')).toBe('');
    expect(await gantry('h3', 'image', 'ls', '--format', '{{.Repository}}')).toBe('busybox');
    await gantry('h3', 'service', 'scale', 'spread_web=6');
    const here = runningOn(await tasks('h3'), 'h3');
    expect(here.length).toBeGreaterThan(0);
    expect((await gantry('h3', 'ps', '-q')).split('\n')).toHaveLength(here.length);
  });

  it('starts a daemon again that was killed, and its containers go on', async () => {
    const before = await gantry('h2', 'ps', '-q');
    await ok('kill', 'h2');
    expect(await ok('ls')).toMatch(/^h2 .* gantryd down$/m);
    await ok('start', 'h2');
    expect(await gantry('h2', 'ps', '-q')).toBe(before);
    expect(await ok('logs', 'h2')).toContain('"level"');
  });

  it('slows a host down, and says how', async () => {
    await ok('slow', 'h2', '--rate', '1mbit', '--cpu', '50');
    expect(await ok('ls')).toMatch(/^h2 .* rate 1Mbit +cpu 50 %$/m);
    await ok('heal');
    expect(await ok('ls')).toMatch(/^h2 .* up$/m);
  });

  it('leaves nothing, also when what it was made of was killed', async () => {
    // Some of them end with others.
    await runCommand(['kill', '-KILL', ...new Cgroup(`${labId(directory)}/h1`).pids().map(String)]);
    await ok('down');
    const left = await takeCensusOutside({ name: labId(directory), directory, address: '' });
    expect(left).toEqual({ processes: [], mounts: [], namespaces: [] });
    expect(new Cgroup(labId(directory)).directories.filter((group) => existsSync(group))).toEqual([]);
    expect(existsSync(directory)).toBe(false);
    expect(await ok('down')).toContain('there is no lab');
  });
});
