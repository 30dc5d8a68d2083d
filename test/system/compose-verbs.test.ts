/** The verbs of `gantry compose`, as a directory with a compose file has them, on one host. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../lab/command.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { fetchOne } from '../lab/requests.ts';
import { until } from '../lab/until.ts';

const SHOP = `
name: shop
services:
  db:
    image: busybox
    init: true
    command: sh -c 'touch /data/made; echo db is up; sleep 1000'
    volumes: [data:/data]
    healthcheck: { test: test -e /data/made, interval: 200ms }
  migrate:
    image: busybox
    command: sh -c 'echo migrated'
    restart: "no"
    depends_on: { db: { condition: service_healthy } }
  web:
    image: busybox
    init: true
    command: sh -c 'mkdir /www; echo hello >/www/index.html; echo web is up; exec httpd -f -p 80 -h /www'
    environment: { COLOUR: red }
    ports: ["8088:80"]
    depends_on: { migrate: { condition: service_completed_successfully } }
volumes: { data: {} }
`;

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('verbs');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
  directory = mkdtempSync(join(tmpdir(), 'gantry-verbs-'));
  project('shop', SHOP);
});

afterAll(async () => {
  await host.destroy();
  rmSync(directory, { recursive: true, force: true });
});

/** A directory of that name with a compose file. */
function project(name: string, text: string): string {
  mkdirSync(join(directory, name), { recursive: true });
  const file = join(directory, name, 'compose.yaml');
  writeFileSync(file, text);
  return file;
}

function compose(name: string, ...args: string[]): Promise<CommandResult> {
  return host.gantry(['compose', '-f', join(directory, name, 'compose.yaml'), ...args]);
}

async function composeOk(name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await compose(name, ...args);
  if (code !== 0) throw new Error(`compose ${args.join(' ')} exited with ${code}\n${stdout}${stderr}\n${host.log()}`);
  return stdout.trimEnd();
}

async function idOf(service: string): Promise<string> {
  return await composeOk('shop', 'ps', '-q', service);
}

async function page(): Promise<string> {
  return (await fetchOne(host.inside([]), 'http://127.0.0.1:8088/')).trim();
}

describe('compose', () => {
  it('up -d starts all in their order, and says so', async () => {
    await composeOk('shop', 'up', '-d');
    await until('the page', async () => (await page()) === 'hello');
    const table = await composeOk('shop', 'ps', '--format', '{{.Service}} {{.State}} {{.Ports}}');
    expect(table).toBe('db running \nweb running 0.0.0.0:8088->80/tcp');
    const all = await composeOk('shop', 'ps', '-a', '--format', '{{.Name}} {{.State}} {{.ExitCode}}');
    expect(all).toBe('shop_db.1 running 0\nshop_migrate.1 exited 0\nshop_web.1 running 0');
    expect(await composeOk('shop', 'ps', '--services', '--status', 'exited')).toBe('migrate');
    expect(await composeOk('shop', 'ps', 'db')).toMatch(
      /^NAME +IMAGE +COMMAND +SERVICE +CREATED +STATUS +PORTS\n.*healthy/,
    );
  });

  it('up -d again changes nothing of what runs', async () => {
    const before = await idOf('web');
    await composeOk('shop', 'up', '-d', '--wait');
    expect(await idOf('web')).toBe(before);
    await composeOk('shop', 'up', '-d', '--force-recreate', '--no-deps', 'web');
    await until('another container', async () => (await idOf('web')) !== before);
  });

  it('ls, images, port and version tell of it', async () => {
    expect(await host.ok(['compose', 'ls'])).toMatch(/^NAME +STATUS\nshop +running\(2\)$/);
    expect(await composeOk('shop', 'images', 'db')).toMatch(/\nshop_db\.1 +busybox +latest +linux\/\w+ +[0-9a-f]{12} /);
    expect(await composeOk('shop', 'port', 'web', '80')).toBe('0.0.0.0:8088');
    expect((await compose('shop', 'port', 'db', '80')).stderr).toMatch(
      /no port 80\/tcp of service "db" is published; /,
    );
    expect(await host.ok(['compose', 'version', '--short'])).toMatch(/^\d/);
  });

  it('logs have the container before each line', async () => {
    expect(await composeOk('shop', 'logs', 'db', 'migrate')).toContain('db.1       | db is up');
    const coloured = await composeOk('shop', '--ansi', 'always', 'logs', 'db');
    expect(coloured).toContain('\u001b[36mdb.1  | \u001b[0mdb is up');
    expect(await composeOk('shop', 'logs', '--no-log-prefix', '-n', '1', 'db')).toBe('db is up');
    expect((await compose('shop', 'logs', 'nope')).stderr).toMatch(/no such service: nope; there are db, migrate, web/);
  });

  it('exec runs a command, with its input and exit code', async () => {
    expect(await composeOk('shop', 'exec', '-T', '-e', 'A=1', 'web', 'sh', '-c', 'echo $A $COLOUR')).toBe('1 red');
    const file = join(directory, 'shop', 'compose.yaml');
    expect(await host.ok(['compose', '-f', file, 'exec', '-T', 'web', 'cat'], { stdin: 'typed' })).toBe('typed');
    expect((await compose('shop', 'exec', 'web', 'sh', '-c', 'exit 7')).code).toBe(7);
    expect((await compose('shop', 'exec', 'web', 'nope')).code).toBe(127);
    expect((await compose('shop', 'exec', 'migrate', 'true')).stderr).toMatch(/service "migrate" is not running/);
  });

  it('run makes a container of its own, beside the services', async () => {
    const fetched = await composeOk('shop', 'run', '--rm', '-T', 'migrate', 'wget', '-qO-', 'http://web/');
    expect(fetched).toBe('hello');
    expect((await compose('shop', 'run', '--rm', 'web', 'sh', '-c', 'test $COLOUR = red && exit 3')).code).toBe(3);
    expect(await host.ok(['ps', '-aq', '--filter', 'name=_run_'])).toBe('');
    const id = await composeOk('shop', 'run', '-d', '--name', 'apart', 'web', 'sleep', '1000');
    expect(await host.ok(['ps', '-q', '--no-trunc', '--filter', 'name=apart'])).toBe(id);
  });

  it('stop and start bring back what there was', async () => {
    await composeOk('shop', 'stop', '-t', '1');
    expect(await composeOk('shop', 'ps', '-q')).toBe('');
    expect(await composeOk('shop', 'ps', '-a', '--format', '{{.Service}} {{.State}}')).toContain('web exited');
    expect(await host.ok(['compose', 'ls', '-a', '-q'])).toBe('shop');
    expect(await host.ok(['service', 'ls', '--format', '{{.Replicas}}'])).toBe('0/0\n0/0\n0/0');
    await composeOk('shop', 'start');
    await until('the page', async () => (await page()) === 'hello');
    const before = await idOf('web');
    await composeOk('shop', 'restart', '-t', '1', 'web');
    expect(await idOf('web')).not.toBe(before);
    await composeOk('shop', 'stop', '-t', '1', 'web');
    await composeOk('shop', 'up', '-d');
    await until('the page', async () => (await page()) === 'hello');
  });

  it('down leaves volumes, unless they are to go, too', async () => {
    await composeOk('shop', 'down', '-t', '1');
    expect(await host.ok(['service', 'ls', '-q'])).toBe('');
    expect(await host.ok(['network', 'ls', '-q', '--filter', 'name=shop'])).toBe('');
    expect(await host.ok(['ps', '-aq', '--filter', 'name=apart'])).toBe('');
    expect(await host.ok(['volume', 'ls', '-q'])).toBe('shop_data');
    await composeOk('shop', 'up', '-d', 'db');
    expect(await composeOk('shop', 'ps', '-a', '--services')).toBe('db');
    await composeOk('shop', 'down', '-v', '-t', '1');
    expect(await host.ok(['volume', 'ls', '-q'])).toBe('');
    const again = await compose('shop', 'down');
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('no resource found to remove for project "shop"');
  });

  it('up --build makes containers anew when their image is another one', async () => {
    project('made', 'services: { app: { build: ., init: true } }');
    const build = (text: string) =>
      writeFileSync(join(directory, 'made', 'Dockerfile'), `FROM busybox\nRUN echo ${text} >/made\nCMD sleep 1000\n`);
    build('first');
    await composeOk('made', 'up', '-d');
    const id = await composeOk('made', 'ps', '-q');
    await composeOk('made', 'up', '-d', '--build');
    expect(await composeOk('made', 'ps', '-q')).toBe(id);
    build('second');
    await composeOk('made', 'up', '-d', '--build');
    await until(
      'the second image',
      async () => (await composeOk('made', 'exec', '-T', 'app', 'cat', '/made')) === 'second',
    );
    await composeOk('made', 'down', '-t', '0', '--rmi', 'local');
    expect(await host.ok(['images', '-q', 'made-app'])).toBe('');
  });

  it('up in the foreground ends with its containers', async () => {
    project('once', 'services: { a: { image: busybox, restart: "no", command: sh -c "echo out; exit 3" } }');
    const { code, stdout } = await compose('once', 'up');
    expect(stdout).toBe('a.1  | out\na.1 exited with code 3\n');
    expect(code).toBe(0);
    expect((await compose('once', 'up', '--exit-code-from', 'a')).code).toBe(3);
    const quiet = await compose('once', 'up', '--no-attach', 'a');
    expect(quiet.stdout).toBe('a.1 exited with code 3\n');
    await composeOk('once', 'down');
  });

  it('up in the foreground stops the project when it is interrupted', async () => {
    project('long', 'services: { a: { image: busybox, init: true, command: sh -c "echo begun; sleep 1000" } }');
    const [program = '', ...args] = host.command(['compose', '-f', join(directory, 'long', 'compose.yaml'), 'up']);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await until('the first line', async () => output.includes('a.1  | begun'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(output).toMatch(/a\.1 exited with code \d+/);
    expect(await composeOk('long', 'ps', '-q')).toBe('');
    await composeOk('long', 'down');
  });

  it('up says what can not start, and why', async () => {
    project(
      'broken',
      `services:
  a: { image: busybox, restart: "no", command: sh -c "exit 4" }
  b: { image: busybox, depends_on: { a: { condition: service_completed_successfully } } }`,
    );
    const { code, stderr } = await compose('broken', 'up', '-d');
    expect(code).toBe(1);
    expect(stderr).toContain(`service "broken_a" didn't complete successfully: exit 4`);
    await composeOk('broken', 'down');
  });
});
