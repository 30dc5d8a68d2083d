/** Mistakes with a cluster: each is answered by one line that says what to do, and changes nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

/** Nobody has it. */
const NOBODY = '10.99.0.99';
/** Packets to it are dropped. */
const BLACK_HOLE = '10.99.0.98';

let lan: Lan;
let manager: Host;
let worker: Host;
/** In no cluster, or in one of its own. */
let outsider: Host;
let foreigner: Host;
let lost: Host;
const tokens = { worker: '', manager: '' };
let web: ChildProcess;
/** Takes as long as a host is waited for: it is asked first and looked at last. */
let lostJoin: Promise<CommandResult>;

beforeAll(async () => {
  lan = await Lan.create('mistakes', 5);
  [manager, worker, outsider, foreigner, lost] = lan.hosts as [Host, Host, Host, Host, Host];
  const plain = [manager, worker, foreigner, lost].map((host) => host.start());
  await Promise.all([...plain, outsider.start(['--name', 'twin'])]);
  await importBusybox(manager);
  await Promise.all([manager, foreigner].map((host) => host.ok(['cluster', 'init', '--advertise-addr', host.address])));
  for (const role of ['worker', 'manager'] as const) {
    tokens[role] = await manager.ok(['cluster', 'join-token', '-q', role]);
  }
  await worker.ok(['cluster', 'join', '--token', tokens.worker, manager.address]);
  const drop = `table inet hole { chain out { type filter hook output priority 0; ip daddr ${BLACK_HOLE} drop; }; }`;
  await output(lost.inside(['nft', '-f', '-']), { stdin: drop });
  lostJoin = lost.gantry(['cluster', 'join', '--token', tokens.worker, BLACK_HOLE]);
  const [program = '', ...args] = manager.inside(['busybox', 'httpd', '-f', '-p', '80', '-h', '/tmp']);
  web = spawn(program, args, { stdio: 'ignore' });
});

afterAll(async () => {
  web.kill();
  await lan.destroy();
});

/** One line on stderr that matches, nothing on stdout, exit code 1 unless said otherwise. */
function expectRefusal({ code, stdout, stderr }: CommandResult, message: RegExp, expected = 1): void {
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
}

const nodes = () =>
  manager.ok(['node', 'ls', '--format', '{{.ID}} {{.Hostname}} {{.Availability}} {{.ManagerStatus}}']);

async function refused(on: Host, args: readonly string[], message: RegExp): Promise<void> {
  expectRefusal(await on.gantry(args), message);
}

async function joinRefused(address: string, token: string, message: RegExp, ...flags: string[]): Promise<void> {
  await refused(outsider, ['cluster', 'join', '--token', token, ...flags, address], message);
}

/** Fails each test after which the cluster's nodes are others. */
function changesNoNode(): void {
  let before = '';
  beforeEach(async () => {
    before = await nodes();
  });
  afterEach(async () => expect(await nodes()).toBe(before));
}

describe('a join', () => {
  changesNoNode();
  afterEach(async () => expect(await outsider.ok(['info', '--format', '{{.Swarm.LocalNodeState}}'])).toBe('inactive'));

  it('to an address where no manager is says so', async () => {
    const hint = '; is that the address of a manager, and can this host reach it\\?';
    await joinRefused(
      `${manager.address}:2399`,
      tokens.worker,
      new RegExp(`10\\.99\\.0\\.1.*2399.*ECONNREFUSED.*${hint}`),
    );
    await joinRefused(
      `${manager.address}:80`,
      tokens.worker,
      new RegExp(`10\\.99\\.0\\.1:80: .*does not speak TLS.*${hint}`),
    );
    await joinRefused('manager.example', tokens.worker, /manager\.example.*IP/);
  });

  it("with another cluster's token, or to another cluster, says that they don't belong together", async () => {
    const message = /no manager of the cluster that the token is of; take token and address from .*join-token/;
    await joinRefused(foreigner.address, tokens.worker, message);
    await joinRefused(manager.address, await foreigner.ok(['cluster', 'join-token', '-q', 'worker']), message);
  });

  it('with a token that is none, has a typo, or was rotated, says where to get one', async () => {
    await joinRefused(manager.address, 'please', /token.*gantry cluster join-token/);
    const typo = tokens.worker.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    await joinRefused(manager.address, typo, /token.*gantry cluster join-token/);
    const old = tokens.worker;
    tokens.worker = await manager.ok(['cluster', 'join-token', '-q', '--rotate', 'worker']);
    await joinRefused(manager.address, old, /token.*gantry cluster join-token/);
  });

  it('as a manager from an address that the others cannot reach is refused', async () => {
    const message = /the managers can't reach this node at 10\.99\.0\.99: .*; give --advertise-addr/;
    await joinRefused(manager.address, tokens.manager, message, '--advertise-addr', NOBODY);
    await joinRefused(manager.address, tokens.manager, /not an IP address|IP/, '--advertise-addr', 'here');
  });

  it('of a node that is in a cluster, or another init there, is refused', async () => {
    const message = /cannot join a cluster: this node is already in one; leave it first with "gantry cluster leave"/;
    await refused(worker, ['cluster', 'join', '--token', tokens.worker, manager.address], message);
    await refused(worker, ['cluster', 'init'], /cannot make a cluster: this node is already in one; leave it first/);
    await refused(manager, ['cluster', 'init'], /already in one; leave it first/);
  });

  it('to an address whose packets are lost ends, too', async () => {
    expectRefusal(await lostJoin, /10\.99\.0\.98.*does not answer; is that the address of a manager/);
  });
});

describe('the last manager', () => {
  changesNoNode();

  it('can neither leave nor be demoted or removed, by force neither', async () => {
    const demote = /cannot demote node \S+: it is the cluster's last manager; promote another node first/;
    await refused(manager, ['cluster', 'leave'], /only manager; .*use --force/);
    await refused(manager, ['node', 'demote', manager.name], demote);
    await refused(manager, ['node', 'demote', '--force', manager.name], demote);
    await refused(manager, ['node', 'update', '--role', 'worker', manager.name], demote);
    await refused(manager, ['node', 'rm', manager.name], /cannot remove node \S+: it is a manager; demote it first/);
    await refused(manager, ['node', 'rm', '--force', manager.name], /cannot remove node \S+: it is/);
  });
});

describe('a node', () => {
  it('that lives is not removed', async () => {
    await refused(manager, ['node', 'rm', worker.name], /it is not down; let it leave with "gantry cluster leave"/);
  });

  it('that is down is not promoted', async () => {
    await worker.stop('SIGKILL');
    const isDown = async () => (await manager.ok(['node', 'ls'])).includes('Down');
    await until('the worker to be down', isDown);
    await refused(
      manager,
      ['node', 'promote', worker.name],
      /cannot promote node \S+: it is down; start gantryd there/,
    );
    await worker.start();
  });

  it('is named by its id when its name is not the only one', async () => {
    await outsider.ok(['cluster', 'join', '--token', tokens.worker, manager.address]);
    await worker.ok(['cluster', 'leave']);
    await worker.stop('SIGTERM');
    await worker.start(['--name', 'twin']);
    await worker.ok(['cluster', 'join', '--token', tokens.worker, manager.address]);
    const lines = (await manager.ok(['node', 'ls', '--format', '{{.Hostname}} {{.ID}}'])).split('\n');
    const ids = lines.filter((line) => line.startsWith('twin ')).map((line) => line.split(' ')[1] ?? '');
    expect(ids).toHaveLength(2);
    const message = new RegExp(`node twin is ambiguous: ${ids.join(', ')}|${ids.toReversed().join(', ')}; give`);
    await refused(manager, ['node', 'update', '--availability', 'drain', 'twin'], message);
    await refused(manager, ['node', 'promote', 'twin'], message);
    await refused(manager, ['node', 'rm', '--force', 'twin'], message);
    await manager.ok(['node', 'update', '--availability', 'drain', ids[0] ?? '']);
  });
});

describe('a name', () => {
  it('that is taken is refused, for every kind of object', async () => {
    const file = join(manager.directory, 'content');
    writeFileSync(file, 'x');
    const create: [string, string[]][] = [
      ['service', ['create', '--detach', '--name', 'taken', '--replicas', '0', 'busybox']],
      ['secret', ['create', 'taken', file]],
      ['config', ['create', 'taken', file]],
    ];
    for (const [kind, args] of create) {
      await manager.ok([kind, ...args]);
      const before = await manager.ok([kind, 'ls', '-q']);
      expectRefusal(await manager.gantry([kind, ...args]), new RegExp(`${kind}.*taken.*already exists`));
      expect(await manager.ok([kind, 'ls', '-q'])).toBe(before);
    }
  });

  it('of a file that is not there is named', async () => {
    const message = /^gantry: cannot read the content from nofile: no such file or directory; name a file/;
    for (const kind of ['config', 'secret'])
      expectRefusal(await manager.gantry([kind, 'create', 'x', 'nofile']), message);
  });
});
