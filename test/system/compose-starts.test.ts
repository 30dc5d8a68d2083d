/** What starts without what it depends on, what is left of a project that others use, and what is said of its files. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../lab/command.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('starts');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
  directory = mkdtempSync(join(tmpdir(), 'gantry-starts-'));
});

afterAll(async () => {
  await host.destroy();
  rmSync(directory, { recursive: true, force: true });
});

const SLEEPS = 'image: busybox, init: true, command: sleep 1000';

/** Gives back what runs a verb on it. */
function project(name: string, text: string): (...args: string[]) => Promise<CommandResult> {
  mkdirSync(join(directory, name), { recursive: true });
  const file = join(directory, name, 'compose.yaml');
  writeFileSync(file, text);
  return (...args) => host.gantry(['compose', '-f', file, ...args]);
}

async function outputOf(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}\n${host.log()}`);
  return stdout.trimEnd();
}

describe('services without what they depend on', () => {
  it('start with up --no-deps, made anew or stopped', async () => {
    const compose = project(
      'lone',
      `services: { db: { ${SLEEPS} }, web: { ${SLEEPS}, depends_on: { db: { condition: service_healthy } } } }`,
    );
    await outputOf(compose('up', '-d', '--no-deps', 'web'));
    expect(await outputOf(compose('ps', '--services'))).toBe('web');
    await outputOf(compose('stop', '-t', '0'));
    await outputOf(compose('up', '-d', '--no-deps', 'web'));
    expect(await outputOf(compose('ps', '--services'))).toBe('web');
    await outputOf(compose('down', '-t', '0'));
  });

  it('wait for those that restart with them', async () => {
    const log = '/log/starts';
    const db = `sh -c 'sleep 1; echo db >>${log}; touch /ready; sleep 1000'`;
    const web = `sh -c 'echo web >>${log}; sleep 1000'`;
    const shared = 'image: busybox, init: true, volumes: ["./log:/log"]';
    const compose = project(
      'both',
      `services:
  cache: { ${SLEEPS} }
  db: { ${shared}, command: ${JSON.stringify(db)}, healthcheck: { test: test -e /ready, interval: 100ms, retries: 100 } }
  web: { ${shared}, command: ${JSON.stringify(web)}, depends_on: { db: { condition: service_healthy }, cache: { condition: service_started } } }
`,
    );
    mkdirSync(join(directory, 'both/log'));
    await outputOf(compose('up', '-d'));
    await outputOf(compose('stop', '-t', '0', 'cache'));
    await outputOf(compose('restart', '-t', '0', 'db', 'web'));
    expect(readFileSync(join(directory, 'both', log), 'utf8')).toBe('db\nweb\ndb\nweb\n');
    expect(await outputOf(compose('ps', '--services'))).toBe('db\nweb');
    await outputOf(compose('down', '-t', '0'));
  });
});

describe('services of a profile', () => {
  it('run when they are named, with what they depend on', async () => {
    const compose = project(
      'tools',
      `services: { db: { ${SLEEPS} }, web: { ${SLEEPS} }, tool: { ${SLEEPS}, profiles: [tools], depends_on: [db] } }`,
    );
    await outputOf(compose('up', '-d', 'tool'));
    expect(await outputOf(compose('ps', '--services'))).toBe('db\ntool');
    expect(await outputOf(compose('run', '--rm', '-T', 'tool', 'echo', 'done'))).toBe('done');
    await outputOf(compose('kill', 'tool'));
    expect(await outputOf(compose('ps', '-a', 'tool', '--format', '{{.State}}{{.Ports}}'))).toBe('exited');
    await outputOf(compose('down', '-t', '0'));
  });
});

describe('a project whose network others use', () => {
  const OWNER = `services: { a: { ${SLEEPS}, networks: [net] } }\nnetworks: { net: { attachable: true } }`;
  const GUEST = `services: { b: { ${SLEEPS}, networks: [net] } }\nnetworks: { net: { name: owner_net, external: true } }`;

  it('is removed but for that, which the command says', async () => {
    const owner = project('owner', OWNER);
    const guest = project('guest', GUEST);
    await outputOf(owner('up', '-d'));
    await outputOf(guest('up', '-d'));
    const removed = await host.gantry(['stack', 'rm', 'owner']);
    expect([removed.code, removed.stderr]).toEqual([
      1,
      expect.stringMatching(/^gantry: network owner_net is in use by service guest_b; take it off the network, /m),
    ]);
    expect(await host.ok(['service', 'ls', '--format', '{{.Name}}'])).toBe('guest_b');
    const again = await owner('down');
    expect([again.code, again.stderr]).toEqual([
      0,
      'gantry: warning: network owner_net: Resource is still in use by service guest_b\n',
    ]);
    await outputOf(owner('up', '-d'));
    await outputOf(guest('down', '-t', '0'));
    await host.ok(['run', '-d', '--name', 'shell', '--network', 'owner_net', 'busybox', 'sleep', '1000']);
    expect((await owner('down', '-t', '0')).stderr).toMatch(
      /owner_net: Resource is still in use by container shell on /,
    );
    await host.ok(['rm', '-f', 'shell']);
    await host.ok(['stack', 'rm', 'owner']);
    expect(await host.ok(['network', 'ls', '-q', '--filter', 'name=owner'])).toBe('');
  });

  it('has no containers left when down ends: their image can be removed', async () => {
    const compose = project('gone', 'services: { app: { build: ., scale: 3 } }');
    writeFileSync(join(directory, 'gone/Dockerfile'), 'FROM busybox\nCMD sleep 1000\n');
    await outputOf(compose('up', '-d'));
    await outputOf(compose('down', '-t', '0'));
    expect(await host.ok(['ps', '-aq'])).toBe('');
    await host.ok(['rmi', 'gone-app']);
  });
});

describe('orphans', () => {
  it('give up what they have to what takes their place', async () => {
    const before = project('moved', `services: { old: { ${SLEEPS}, ports: ["8099:80"] } }`);
    await outputOf(before('up', '-d'));
    const compose = project('moved', `services: { new: { ${SLEEPS}, ports: ["8099:80"] } }`);
    const refused = await compose('up', '-d');
    expect(refused.stderr).toMatch(
      /warning: the project has services that are not in its files: old; --remove-orphans/,
    );
    expect(refused.code).toBe(1);
    const { code, stderr } = await compose('up', '-d', '--remove-orphans');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^Removing service old$/m)]);
    expect(await outputOf(compose('ps', '-a', '--services'))).toBe('new');
    await outputOf(compose('down', '-t', '0'));
  });
});

describe('the files of a project', () => {
  it('are warned of where they are read', async () => {
    const compose = project(
      'warned',
      `version: "3"\nservices: { a: { ${SLEEPS}, environment: { A: "\${NOBODY_SET}" } } }`,
    );
    const { code, stderr } = await compose('up', '-d');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^gantry: warning: .*compose\.yaml:1: "version" is obsolete /m);
    expect(stderr).toMatch(/^gantry: warning: .*compose\.yaml:2: variable NOBODY_SET is not set; /m);
    await outputOf(compose('down', '-t', '0'));
  });
});

describe('what verbs say to programs', () => {
  const PAIR = `services:
  db: { ${SLEEPS} }
  web: { image: busybox, init: true, scale: 2, command: sh -c "hostname; sleep 1000", hostname: "web-{{.Task.Slot}}", depends_on: [db] }
  job: { image: busybox, restart: "no", command: sh -c "sleep 1; exit 4" }
`;

  it('is what docker compose says', async () => {
    const compose = project('pair', PAIR);
    const up = await compose('--progress', 'quiet', 'up', '-d');
    expect([up.code, up.stderr]).toEqual([0, expect.not.stringContaining('started')]);
    const rows = (await outputOf(compose('ps', '--format', 'json', 'db'))).split('\n').map((line) => JSON.parse(line));
    expect(rows).toEqual([expect.objectContaining({ Names: 'pair_db.1', Networks: 'pair_default', Service: 'db' })]);
    const images = JSON.parse(await outputOf(compose('images', '--format', 'json', 'db')));
    expect(images).toEqual([
      expect.objectContaining({ ContainerName: 'pair_db.1', Repository: 'busybox', Tag: 'latest' }),
    ]);
    const projects = JSON.parse(await host.ok(['compose', 'ls', '--format', 'json']));
    expect(projects).toContainEqual({ Name: 'pair', Status: expect.stringMatching(/^running\([34]\)$/) });
    expect(await outputOf(compose('logs', '--no-log-prefix', '--index', '2', 'web'))).toBe('web-2');
    expect((await compose('--dry-run', 'up')).stderr).toMatch(/--dry-run is not supported yet; 'gantry stack deploy/);
  });

  it('wait tells how containers ended', async () => {
    const compose = project('pair', PAIR);
    const waited = await compose('wait', 'job');
    expect([waited.code, waited.stdout]).toEqual([
      4,
      expect.stringMatching(/^container "[0-9a-f]{64}" exited with status code 4\n$/),
    ]);
  });

  it('up makes anew what the named services depend on where that is wanted, and ps leaves out what is in no file', async () => {
    const compose = project('pair', PAIR);
    const ids = async () => [await outputOf(compose('ps', '-q', 'db')), await outputOf(compose('ps', '-q', 'web'))];
    const [db, web] = await ids();
    await outputOf(compose('up', '-d', '--always-recreate-deps', 'web'));
    const now = await ids();
    expect([now[0] === db, now[1] === web]).toEqual([false, true]);
    const fewer = project('pair', `services: { db: { ${SLEEPS} } }`);
    expect(await outputOf(fewer('ps', '--services', '--no-orphans'))).toBe('db');
    expect(await outputOf(fewer('ps', '--services'))).toBe('db\nweb');
    expect((await fewer('wait', '--down-project', 'job')).code).toBe(4);
    expect(await host.ok(['service', 'ls', '-q', '--filter', 'name=pair'])).toBe('');
  });
});
