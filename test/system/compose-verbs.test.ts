/** The verbs of `gantry compose`, as a directory with a compose file has them, on one host. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** A verb that goes on until it is told to end. */
function spawned(name: string, ...verb: string[]) {
  const [program = '', ...args] = host.command(['compose', '-f', join(directory, name, 'compose.yaml'), ...verb]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended, said: () => output };
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
    expect(await host.look(['ps', '-aq', '--filter', 'name=_run_'])).toBe('');
    const id = await composeOk('shop', 'run', '-d', '--name', 'apart', 'web', 'sleep', '1000');
    expect(await host.look(['ps', '-q', '--no-trunc', '--filter', 'name=apart'])).toBe(id);
  });

  it('run gives its container the secrets and configs of the service', async () => {
    const file = project(
      'told',
      `services:
  app: { image: busybox, container_name: the-app, command: "true", restart: "no", secrets: [key], configs: [{ source: page, target: /page, mode: 0400 }] }
secrets: { key: { file: ./key } }
configs: { page: { content: hello } }`,
    );
    writeFileSync(join(directory, 'told', 'key'), 'hidden');
    const shown = "cat /run/secrets/key /page; stat -c ' %a' /page; mount | grep -c 'tmpfs on /run/secrets/key'";
    expect(await host.ok(['compose', '-f', file, 'run', '--rm', '-T', 'app', 'sh', '-c', shown])).toBe(
      'hiddenhello 400\n1',
    );
    const id = await composeOk('told', 'run', '-d', 'app', 'sleep', '1000');
    expect(await host.ok(['exec', id, 'cat', '/run/secrets/key'])).toBe('hidden');
    expect(await host.look(['inspect', id])).not.toContain('hidden');
    await composeOk('told', 'down', '-t', '0');
  });

  it('pause holds containers still, top and stats look at them', async () => {
    await composeOk('shop', 'pause', 'db');
    expect(await composeOk('shop', 'ps', '--format', '{{.Service}} {{.State}}')).toBe('db paused\nweb running');
    const refused = await compose('shop', 'exec', '-T', 'db', 'true');
    expect(refused.stderr).toMatch(/container \S+ is paused; unpause it before/);
    await host.ok(['unpause', await idOf('db')]);
    expect((await host.gantry(['unpause', await idOf('db')])).stderr).toMatch(/is not paused/);
    expect(await composeOk('shop', 'exec', '-T', 'db', 'echo', 'on')).toBe('on');
    expect(await composeOk('shop', 'top', 'db')).toMatch(/^SERVICE +# +UID +PID .* CMD\ndb +1 +root .*sleep 1000/s);
    const processes = await host.ok(['top', await idOf('db'), '-o', 'pid,comm']);
    expect(processes).toMatch(/^PID +COMMAND\n\d+ +\S+/);
    const lines = (
      await composeOk('shop', 'stats', '--no-stream', '--format', '{{.Name}} {{.MemPerc}} {{.PIDs}}')
    ).split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^shop_db\.1 \d+\.\d\d% [1-9]\d*$/);
    expect(await host.ok(['stats', '--no-stream'])).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT/);
  });

  it('a paused container can be stopped, and is still paused after gantryd was killed', async () => {
    const name = await host.ok(['run', '-d', '--name', 'held', 'busybox', 'sleep', '1000']);
    await host.ok(['pause', 'held']);
    await host.kill();
    await host.start();
    expect(await host.look(['ps', '--filter', 'name=held', '--format', '{{.Status}}'])).toMatch(/\(Paused\)$/);
    expect((await host.gantry(['start', 'held'])).stderr).toMatch(/is paused/);
    await host.ok(['stop', '-t', '1', 'held']);
    expect(await host.ok(['rm', name])).toBe(name);
  });

  it('stop and start bring back what there was', async () => {
    await composeOk('shop', 'stop', '-t', '1');
    expect(await composeOk('shop', 'ps', '-q')).toBe('');
    expect(await composeOk('shop', 'ps', '-a', '--format', '{{.Service}} {{.State}}')).toContain('web exited');
    expect(await host.ok(['compose', 'ls', '-a', '-q'])).toBe('shop');
    expect(await host.look(['service', 'ls', '--format', '{{.Replicas}}'])).toBe('0/0\n0/0\n0/0');
    await composeOk('shop', 'start');
    await until('the page', async () => (await page()) === 'hello');
    const before = await idOf('web');
    await composeOk('shop', 'restart', '-t', '1', 'web');
    expect(await idOf('web')).not.toBe(before);
    await composeOk('shop', 'stop', '-t', '1', 'web');
    await composeOk('shop', 'up', '-d');
    await until('the page', async () => (await page()) === 'hello');
  });

  it('events tell what becomes of containers', async () => {
    const { child, said } = spawned('shop', 'events', 'web');
    try {
      // It says nothing when it begins to look, which may be in the middle of a restart.
      await until('a whole restart', async () => {
        await composeOk('shop', 'restart', '-t', '1', 'web');
        return /container stop [\s\S]*container start \w+ \(.*name=shop_web\.1/.test(said());
      });
      expect(said()).toMatch(/container die \w+ \(.*exitCode=\d+.*\)\n.*container stop /);
      expect(said()).not.toContain('shop_db');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('events since a time tell of what there is, and end at another', async () => {
    const until = String(Date.now() / 1000);
    const lines = (await composeOk('shop', 'events', '--since', '1h', '--until', until, '--json', 'web')).split('\n');
    const told = lines.map((line) => JSON.parse(line) as { action: string; service: string; time: string });
    expect(new Set(told.map(({ service }) => service))).toEqual(new Set(['web']));
    expect(told.map(({ action }) => action)).toEqual(expect.arrayContaining(['create', 'start']));
    expect(told.map(({ time }) => time)).toEqual(told.map(({ time }) => time).sort());
    expect(await composeOk('shop', 'events', '--since', until, '--until', until)).toBe('');
  });

  it('attach has the input and output of a container', async () => {
    const file = project(
      'talk',
      'services: { a: { image: busybox, stdin_open: true, restart: "no", command: sh -c "read line; echo got $$line; exit 3" } }',
    );
    await composeOk('talk', 'up', '-d');
    const { code, stdout } = await host.gantry(['compose', '-f', file, 'attach', 'a'], { stdin: 'it\n' });
    expect([stdout, code]).toEqual(['got it\n', 3]);
    await composeOk('talk', 'down');
  });

  it('restart is done although the one who asked for it is killed', async () => {
    const slow = 'sh -c \'trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done\'';
    project('slow', `services: { a: { image: busybox, command: ${JSON.stringify(slow)} } }`);
    await composeOk('slow', 'up', '-d');
    const before = await composeOk('slow', 'ps', '-q');
    const { child, ended, said } = spawned('slow', 'restart');
    await until('the restart', async () => said().includes('stopping'));
    child.kill('SIGKILL');
    await ended;
    await until('another container', async () => {
      const id = await composeOk('slow', 'ps', '-q');
      return id !== '' && id !== before;
    });
    await composeOk('slow', 'down', '-t', '0');
  });

  it('create makes what start starts, scale changes how many there are, and rm removes what is stopped', async () => {
    project('calm', 'services: { a: { image: busybox, init: true, command: sleep 1000 } }');
    await composeOk('calm', 'create');
    expect(await host.look(['service', 'ls', '--filter', 'name=calm_a', '--format', '{{.Replicas}}'])).toBe('0/0');
    await composeOk('calm', 'up', '--no-start');
    expect(await composeOk('calm', 'ps', '-aq')).toBe('');
    await composeOk('calm', 'start');
    await composeOk('calm', 'scale', 'a=2');
    expect((await composeOk('calm', 'ps', '-q')).split('\n')).toHaveLength(2);
    expect((await compose('calm', 'rm', '-f')).stderr).toBe('No stopped containers\n');
    expect((await compose('calm', 'rm', '-s')).stderr).toMatch(/Going to remove a.*nobody can answer/);
    expect((await compose('calm', 'rm', '-fs', 'a')).stderr).toBe('Removing service a\n');
    expect(await host.look(['service', 'ls', '-q', '--filter', 'name=calm_a'])).toBe('');
    await composeOk('calm', 'down');
  });

  it('up of one service leaves the others in the history of the project', async () => {
    await composeOk('shop', 'up', '-d', 'db');
    const versions = await host.look(['stack', 'history', 'shop', '--format', '{{.Services}}']);
    expect(versions.split('\n')[0]?.split(', ').sort()).toEqual(['db', 'migrate', 'web']);
  });

  it('down leaves volumes, unless they are to go, too', async () => {
    await composeOk('shop', 'down', '-t', '1');
    expect(await host.look(['service', 'ls', '-q'])).toBe('');
    expect(await host.look(['network', 'ls', '-q', '--filter', 'name=shop'])).toBe('');
    expect(await host.look(['ps', '-aq', '--filter', 'name=apart'])).toBe('');
    expect(await host.look(['volume', 'ls', '-q'])).toBe('shop_data');
    await composeOk('shop', 'up', '-d', 'db');
    expect(await composeOk('shop', 'ps', '-a', '--services')).toBe('db');
    await composeOk('shop', 'down', '-v', '-t', '1');
    expect(await host.look(['volume', 'ls', '-q'])).toBe('');
    const again = await compose('shop', 'down');
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('no resource found to remove for project "shop"');
  });

  it('down ends what depends on others before them, which can be reached until then, whatever becomes of who asked', async () => {
    const onTerm = (work: string) => `sh -c 'trap "${work}; exit 0" TERM; while :; do sleep 0.1; done'`;
    const service = (work: string, more: string) =>
      `{ image: busybox, volumes: ["./log:/log"], command: ${JSON.stringify(onTerm(work))}${more} }`;
    const serves = `sh -c 'mkdir /www; echo page of db >/www/index.html; httpd -p 80 -h /www; ${onTerm('echo db ends >>/log/ends').slice(7)}`;
    project(
      'order',
      `services:
  db: ${JSON.stringify({ image: 'busybox', volumes: ['./log:/log'], command: serves })}
  api: ${service('echo api ends >>/log/ends; sleep 1; wget -q -O - http://db/ >>/log/ends', ', depends_on: [db]')}
  web: ${service('echo web ends >>/log/ends; sleep 1', ', depends_on: [api]')}
`,
    );
    mkdirSync(join(directory, 'order/log'));
    const ends = join(directory, 'order/log/ends');
    const lines = 'web ends\napi ends\npage of db\ndb ends\n';
    await composeOk('order', 'up', '-d');
    const { stderr } = await compose('order', 'down');
    expect(readFileSync(ends, 'utf8')).toBe(lines);
    expect(stderr).toContain('service order_db: waiting for order_api\n');
    expect(stderr.trim().split('\n').at(-1)).toBe('network order_default: removed');
    rmSync(ends);
    await composeOk('order', 'up', '-d');
    const { child, ended, said } = spawned('order', 'down');
    await until('the first to end', async () => said().includes('stopping'));
    child.kill('SIGKILL');
    await ended;
    // Who asks again waits for what was begun.
    await composeOk('order', 'down');
    expect(readFileSync(ends, 'utf8')).toBe(lines);
    expect(await host.look(['network', 'ls', '-q', '--filter', 'name=order'])).toBe('');
  });

  it('restart of one does not wait for what it depends on', async () => {
    const sleeps = 'image: busybox, init: true, command: sleep 1000';
    project('alone', `services: { db: { ${sleeps} }, web: { ${sleeps}, depends_on: [db] } }`);
    await composeOk('alone', 'up', '-d');
    await composeOk('alone', 'stop', 'db');
    const before = await composeOk('alone', 'ps', '-q', 'web');
    await composeOk('alone', 'restart', 'web');
    expect(await composeOk('alone', 'ps', '-q', 'web')).not.toBe(before);
    expect(await composeOk('alone', 'ps', '-q', 'db')).toBe('');
    await composeOk('alone', 'stop', 'web');
    // That is another matter.
    await composeOk('alone', 'start', 'web');
    expect(await composeOk('alone', 'ps', '-q', 'db')).not.toBe('');
    await composeOk('alone', 'down');
  });

  it('builds images side by side, each after those that it is built from, and shared steps once', async () => {
    project(
      'side',
      `services:
  a: { build: { context: ., target: a }, image: "side:a" }
  b: { build: { context: ., target: b }, image: "side:b" }
  c: { build: { context: ., dockerfile_inline: "FROM base\\nRUN cat /shared >/copy\\n", additional_contexts: { base: "service:a" } }, image: "side:c" }
`,
    );
    // Each of the two waits for the other: one after the other they would never end.
    const meets = (own: string, other: string) =>
      `RUN --mount=type=cache,target=/meet : >/meet/${own}; while [ ! -e /meet/${other} ]; do sleep 0.1; done`;
    writeFileSync(
      join(directory, 'side/Dockerfile'),
      `FROM busybox AS shared\nRUN echo shared; date +%s%N >/shared\nFROM shared AS a\n${meets('a', 'b')}\nFROM shared AS b\n${meets('b', 'a')}\n`,
    );
    // One that has just changed may change again unseen: builds don't share a context with such.
    const { ctimeMs } = statSync(join(directory, 'side/Dockerfile'));
    await until('the files to be settled', () => Date.now() > ctimeMs + 2500);
    const { code, stderr } = await compose('side', 'build');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/#\d+ \[a a \d\/\d\] RUN/)]);
    expect(stderr).toMatch(/#\d+ \[b b \d\/\d\] RUN/);
    const shared = await Promise.all(
      ['side:a', 'side:b', 'side:c'].map((image) => host.ok(['run', '--rm', image, 'cat', '/shared'])),
    );
    expect(new Set(shared).size).toBe(1);
    // Nothing has changed: nothing is gone through.
    expect((await compose('side', 'build')).stderr).not.toContain('RUN');
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
    expect(await host.look(['images', '-q', 'made-app'])).toBe('');
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
    const { child, ended, said } = spawned('long', 'up');
    await until('the first line', async () => said().includes('a.1  | begun'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(said()).toMatch(/a\.1 exited with code \d+/);
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
