/**
 * Names of containers that are of no service, on an attachable network of four hosts: h1 to h3 are managers, and db runs on the
 * worker h4. Others must know it for as long as it is there, whatever happens to agents and managers, and no longer.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import type { PoweredHost } from '../lab/powered-host.ts';
import { until } from '../lab/until.ts';

const HOSTS = 4;
/** For a machine that does other things, too. */
const PATIENCE_MS = 60_000;
/** Each takes two commands. */
const LOOKS = 5;

let lab: Lab;
let near: PoweredHost;
let far: PoweredHost;

beforeAll(async () => {
  lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-names-')), HOSTS);
  await formCluster(lab, () => undefined);
  [near, far] = [lab.host('h2'), lab.host('h4')];
  await near.ok(['network', 'create', '-d', 'overlay', '--attachable', 'wide']);
  await near.ok(['network', 'create', '-d', 'overlay', '--attachable', 'other']);
  await until('the worker has both', async () => {
    const networks = await far.look(['network', 'ls', '--format', '{{.Name}}']);
    return networks.includes('wide') && networks.includes('other');
  });
  await idle(near, 'client', '--network', 'wide');
  await idle(near, 'stranger', '--network', 'other');
  await idle(far, 'db', '--network', 'wide', '--network-alias', 'store');
});

afterAll(async () => {
  await Lab.destroy(lab.directory);
  await rm(lab.directory, { recursive: true, force: true });
});

/** A container that does nothing for a while. */
function idle(host: PoweredHost, name: string, ...flags: string[]): Promise<string> {
  return host.ok(['run', '-d', '--init', '--name', name, ...flags, 'busybox', 'sleep', '10000']);
}

function addressOf(host: PoweredHost, container: string, network = 'wide'): Promise<string> {
  return host.look(['inspect', '-f', `{{.NetworkSettings.Networks.${network}.IPAddress}}`, container]);
}

/** What a container of the near host is told of a name. */
async function lookUp(name: string, client = 'client'): Promise<Set<string>> {
  const { stdout } = await near.gantry(['exec', client, 'nslookup', '-type=a', name]);
  return new Set([...stdout.matchAll(/^Address: (10\.\S+)$/gm)].map(([, address]) => address ?? ''));
}

async function reverse(address: string): Promise<string | undefined> {
  const { stdout } = await near.gantry(['exec', 'client', 'nslookup', address]);
  return /name = (\S+)/.exec(stdout)?.[1];
}

function untilIs(name: string, addresses: readonly string[], timeoutMs?: number): Promise<unknown> {
  const isSo = async () => {
    expect(await lookUp(name)).toEqual(new Set(addresses));
    return true;
  };
  return until(`${name} to be ${addresses.join(', ') || 'nobody'}`, isSo, timeoutMs);
}

/** Asks for db several times a second, until the returned function is called, which says how often nobody was known by it. */
function keepAsking(): () => Promise<string> {
  const script = 'while [ ! -e /over ]; do nslookup -type=a db >/dev/null 2>&1 || echo lost; sleep 0.1; done';
  const asking = near.ok(['exec', 'client', 'sh', '-c', `rm -f /over; ${script}`]);
  return async () => {
    await near.ok(['exec', 'client', 'touch', '/over']);
    return asking;
  };
}

describe('a container on another host', () => {
  it('is known by its name, aliases and id, and its address by its name; on its network alone', async () => {
    const address = await addressOf(far, 'db');
    await untilIs('db', [address]);
    const id = (await far.ok(['inspect', '-f', '{{.Id}}', 'db'])).slice(0, 12);
    for (const name of ['store', 'DB.wide', id]) expect(await lookUp(name)).toEqual(new Set([address]));
    expect(await reverse(address)).toBe('db.wide');
    expect(await near.ok(['exec', 'client', 'ping', '-c', '1', '-W', '5', 'store'])).toContain('1 packets received');
    expect((await lookUp('db', 'stranger')).size).toBe(0);
    const listed = '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}';
    expect(await far.ok(['network', 'inspect', '-f', listed, 'wide'])).toBe(`db ${address}/32`);
  });

  it('is known to tasks, and tasks to it; a name that is a service is no container', async () => {
    const flags = ['--init', '--network', 'wide', '--constraint', 'node.hostname==h3'];
    await near.ok(['service', 'create', '-q', '--name', 'web', ...flags, 'busybox', 'sleep', '10000']);
    const task = await lab.host('h3').ok(['ps', '-q', '--filter', 'name=web.1']);
    const known = await lab.host('h3').ok(['exec', task, 'nslookup', '-type=a', 'db']);
    expect(known).toContain(await addressOf(far, 'db'));
    const before = await lookUp('web');
    expect(before.size).toBe(1);
    await idle(far, 'rival', '--network', 'wide', '--network-alias', 'web');
    await untilIs('rival', [await addressOf(far, 'rival')]);
    expect(await lookUp('web')).toEqual(before);
    await near.ok(['service', 'rm', 'web']);
    await untilIs('web', [await addressOf(far, 'rival')]);
    await far.ok(['rm', '-f', 'rival']);
    await untilIs('web', []);
  });

  it('shares its name with others that are called the same', async () => {
    await idle(lab.host('h3'), 'db', '--network', 'wide');
    await untilIs('db', [await addressOf(far, 'db'), await addressOf(lab.host('h3'), 'db')]);
    await lab.host('h3').ok(['rm', '-f', 'db']);
    await untilIs('db', [await addressOf(far, 'db')]);
  });

  it('is known where it is connected while it runs, and no longer where it is not, or when it stops', async () => {
    await far.ok(['network', 'connect', '--alias', 'cache', 'other', 'db']);
    const onOther = await addressOf(far, 'db', 'other');
    for (const name of ['db', 'cache']) {
      await until(`${name} on the other network`, async () => (await lookUp(name, 'stranger')).has(onOther));
    }
    expect((await lookUp('cache')).size).toBe(0);
    await far.ok(['network', 'disconnect', 'wide', 'db']);
    await untilIs('db', []);
    expect(await lookUp('db', 'stranger')).toEqual(new Set([onOther]));
    await far.ok(['network', 'connect', '--alias', 'store', 'wide', 'db']);
    await untilIs('store', [await addressOf(far, 'db')]);
    await far.ok(['stop', '-t', '0', 'db']);
    await untilIs('db', []);
    await far.ok(['start', 'db']);
    await untilIs('db', [await addressOf(far, 'db')]);
    await far.ok(['network', 'disconnect', 'other', 'db']);
    await until('it to be gone from the other', async () => (await lookUp('db', 'stranger')).size === 0);
  });
});

describe('its name', () => {
  it('outlives kill -9 of either agent, and goes if the container has gone meanwhile', async () => {
    await idle(far, 'passing', '--network', 'wide');
    await untilIs('passing', [await addressOf(far, 'passing')]);
    const [address, pid] = [await addressOf(far, 'db'), await far.ok(['inspect', '-f', '{{.State.Pid}}', 'passing'])];
    const [lost, before] = [keepAsking(), await timesDown()];
    await far.kill('gantryd');
    await output(far.inside(['kill', '-9', pid]));
    await far.start();
    await untilIs('passing', [], PATIENCE_MS);
    const [known, missed] = [await lookUp('db'), await lost()];
    // Unless it was away for so long that it counted as down: nobody knows its containers then, until it is back.
    if ((await timesDown()) === before) {
      expect(known).toEqual(new Set([address]));
      expect(missed).toBe('');
    }
    await untilIs('db', [address], PATIENCE_MS);
    await near.kill('gantryd');
    await near.start();
    expect(await lookUp('db')).toEqual(new Set([address]));
    await idle(far, 'later', '--network', 'wide');
    await untilIs('later', [await addressOf(far, 'later')], PATIENCE_MS);
    await far.ok(['rm', '-f', 'passing', 'later']);
    await untilIs('later', []);
  });

  it('stays when the leader loses its power, and what changes is told by the next one', async () => {
    const address = await addressOf(far, 'db');
    const lost = keepAsking();
    await leader().then((host) => host.powerOff());
    await idle(far, 'later', '--network', 'wide');
    await untilIs('later', [await addressOf(far, 'later')], PATIENCE_MS);
    await far.ok(['rm', '-f', 'later']);
    await untilIs('later', [], PATIENCE_MS);
    expect(await lost()).toBe('');
    expect(await lookUp('db')).toEqual(new Set([address]));
    await Promise.all(lab.hosts.map((host) => host.start()));
  });

  it('stays while the next leader has yet to hear from its host', async () => {
    const address = await addressOf(far, 'db');
    const led = await leader();
    const before = sessions();
    await Promise.all([led.powerOff(), far.kill('gantryd')]);
    await until('another manager to be found', () => sessions() > before, PATIENCE_MS);
    for (let look = 0; look < LOOKS; look += 1) {
      const known = await lookUp('db');
      // Once the node counts as down nobody knows its containers.
      const nodes = await near.gantry(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
      if (nodes.stdout.includes('h4 Down')) break;
      expect(known).toEqual(new Set([address]));
    }
    await Promise.all([led.start(), far.start()]);
    await untilIs('db', [address], PATIENCE_MS);
  });

  it('goes with the power of its host, also when the leader goes at the same time, and comes back with it', async () => {
    const led = await leader();
    await Promise.all([far.powerOff(), led.powerOff()]);
    await untilIs('db', [], PATIENCE_MS);
    await Promise.all([far.start(), led.start()]);
    await far.gantry(['start', 'db']);
    await untilIs('db', [await addressOf(far, 'db')], PATIENCE_MS);
    expect(await reverse(await addressOf(far, 'db'))).toBe('db.wide');
    await far.ok(['rm', '-f', 'db']);
    await untilIs('db', [], PATIENCE_MS);
  });
});

/** How often the near host has begun a session with a manager. */
function sessions(): number {
  return readFileSync(near.logPath, 'utf8').split('session with the manager begins').length;
}

/** How often a manager has found the far host silent for so long that it counts as down. */
async function timesDown(): Promise<number> {
  const id = await near.ok(['node', 'inspect', '-f', '{{.ID}}', far.name]);
  const lines = lab.hosts.flatMap(({ logPath }) => readFileSync(logPath, 'utf8').split('\n'));
  return lines.filter((line) => line.includes('node is silent') && line.includes(id)).length;
}

/** Never the host that asks. */
async function leader(): Promise<PoweredHost> {
  const names = await until(
    'another host to lead',
    async () => {
      const lines = await near.look(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
      const led = lines
        .split('\n')
        .find((line) => line.endsWith(' Leader'))
        ?.split(' ')[0];
      if (led !== near.name) return led;
      await near.kill('manager');
      return undefined;
    },
    PATIENCE_MS,
  );
  return lab.host(names);
}
