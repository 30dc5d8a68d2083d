import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { PortConfig, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import type { Sandbox, SandboxRequest } from './networks.ts';
import { HOST_ADDRESS, Lab, sandboxRequest } from './testing/lab.ts';

/** GANTRY_CONNECT_CYCLES=10000 for the whole of it, which takes some ten minutes. */
const CYCLES = Number(process.env.GANTRY_CONNECT_CYCLES ?? 50);

const isRoot = process.getuid?.() === 0;
const lab = new Lab();
const live = new Set<string>();
const made = new Set<string>();

async function setUp(containerId: string, request: Partial<SandboxRequest> = {}): Promise<Sandbox> {
  const sandbox = await lab.engine.call('setup', sandboxRequest(containerId, request));
  live.add(containerId);
  return sandbox;
}

async function network(name: string, spec: Partial<LocalNetworkSpec> = {}): Promise<string> {
  const id = await lab.engine.call('create', LocalNetworkSpec.fromPartial({ name, ...spec }));
  made.add(name);
  return id;
}

/** The container on these networks: NAME, or NAME and its address. */
async function putOn(containerId: string, ...names: readonly (string | readonly [string, string])[]): Promise<Sandbox> {
  const networks = names.map((name) => {
    const [target, ip] = typeof name === 'string' ? [name] : name;
    return { target, aliases: [`${containerId}-on-${target}`], ...(ip === undefined ? {} : { ip }) };
  });
  const sandbox = await lab.engine.call('reattach', sandboxRequest(containerId, { networks }));
  if (sandbox === undefined) throw new Error('it has no sandbox');
  return sandbox;
}

const addresses = ({ netnsPath }: Sandbox) =>
  lab.run(netnsPath, 'ip', '-o', '-4', 'address', 'show', 'scope', 'global');
const routes = ({ netnsPath }: Sandbox) => lab.run(netnsPath, 'ip', 'route');
const hosts = ({ hostsPath }: Sandbox) => readFileSync(hostsPath, 'utf8');

describe.skipIf(!isRoot)('a container that runs', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await lab.start();
    await lab.startEngine([]);
  });

  afterEach(async () => {
    for (const containerId of live) await lab.engine.call('teardown', containerId);
    live.clear();
    for (const name of made) await lab.engine.call('remove', name);
    made.clear();
  });

  afterAll(() => lab.stop());

  it('is connected to a network and disconnected from it: link, address, route, names, hosts', async () => {
    await network('front', { subnet: '10.81.0.0/24' });
    const a = await setUp('a');
    const b = await setUp('b', { networks: [{ target: 'front', aliases: [] }] });
    await expect(lab.ping(b, 'a')).rejects.toThrow();
    const both = await putOn('a', 'bridge', ['front', '10.81.0.9']);
    expect(both.networks.map(({ networkName }) => networkName)).toEqual(['bridge', 'front']);
    expect(await addresses(a)).toMatch(/eth1\s+inet 10\.81\.0\.9\/24/);
    expect(await lab.ping(b, 'a-on-front')).toContain('1 packets received');
    expect(await lab.ping(a, 'b')).toContain('1 packets received');
    expect(hosts(a)).toContain('10.81.0.9\ta\n');
    expect(await routes(a)).toMatch(/default via \S+ dev eth0/);
    const one = await putOn('a', 'front');
    // Its first network is gone, and with it the way outside: there is another one.
    expect(await addresses(one)).toMatch(/^\d+: eth1\s+inet 10\.81\.0\.9\/24[^\n]*\n$/);
    expect(await routes(one)).toContain('default via 10.81.0.1 dev eth1');
    const none = await putOn('a');
    expect(await addresses(none)).toBe('');
    expect(hosts(none)).not.toContain('\ta\n');
    await expect(lab.ping(b, 'a')).rejects.toThrow();
    const again = await putOn('a', 'bridge');
    expect(await addresses(again)).toMatch(/eth0\s+inet/);
    expect(await routes(again)).toMatch(/default via \S+ dev eth0/);
  });

  it('keeps the lines that it has written into its hosts file', async () => {
    await network('front');
    const a = await setUp('a');
    await lab.run(a.netnsPath, 'sh', '-c', `echo '192.0.2.1 mine' >> ${a.hostsPath}`);
    await putOn('a', 'front');
    expect(hosts(a)).toContain('192.0.2.1 mine\n');
  });

  it('publishes its ports while it has a way outside', async () => {
    await network('front');
    await network('inner', { internal: true });
    const port = PortConfig.fromPartial({ publishedPort: 8090, targetPort: 80, mode: PublishMode.HOST });
    const a = await setUp('a', { networks: [{ target: 'inner', aliases: [] }], ports: [port] });
    expect(a.ports).toEqual([]);
    await lab.serve(a, 80, 'a');
    expect((await putOn('a', 'inner', 'front')).ports).toMatchObject([{ publishedPort: 8090 }]);
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8090)).toMatch(/^a /);
    await putOn('a', 'front', 'inner');
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8090)).toMatch(/^a /);
    expect((await putOn('a', 'inner')).ports).toEqual([]);
    await expect(lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8090)).rejects.toThrow();
    const other = await setUp('b', { ports: [port] });
    expect(other.ports).toMatchObject([{ publishedPort: 8090 }]);
    // The port is somebody else's now: the container stays as it was.
    await expect(putOn('a', 'inner', 'front')).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(await addresses(a)).not.toContain('eth1');
    expect((await lab.engine.call('endpointsOf', 'front')).length).toBe(0);
  });

  it('is refused an address that it can’t have, and then is as it was', async () => {
    await network('front', { subnet: '10.81.0.0/24', gateway: '10.81.0.254', ipRange: '10.81.0.64/30' });
    await network('back');
    const a = await setUp('a');
    await setUp('b', { networks: [{ target: 'front', aliases: [], ip: '10.81.0.7' }] });
    const before = await addresses(a);
    const code = (address: string, target = 'front') =>
      putOn('a', 'bridge', [target, address]).catch((error) => error.code);
    expect(await code('10.81.0.7')).toBe('IN_USE');
    expect(await code('10.82.0.7')).toBe('INVALID_ARGUMENT');
    expect(await code('10.81.0.254')).toBe('INVALID_ARGUMENT');
    expect(await code('10.81.0.255')).toBe('INVALID_ARGUMENT');
    expect(await code('fd00::1')).toBe('INVALID_ARGUMENT');
    expect(await code('10.81.0.7', 'back')).toBe('UNSUPPORTED');
    expect(await code('10.81.0.7', 'nope')).toBe('NOT_FOUND');
    expect(await addresses(a)).toBe(before);
    // The range has four addresses; containers on their own come from there alone.
    for (const name of ['c', 'd', 'e', 'f']) await setUp(name, { networks: [{ target: 'front', aliases: [] }] });
    await expect(putOn('a', 'bridge', 'front')).rejects.toMatchObject({ code: 'EXHAUSTED' });
    expect(await addresses(a)).toBe(before);
  });

  it('stays on its networks when the agent is killed, whatever it was doing', async () => {
    await network('front', { subnet: '10.81.0.0/24' });
    const a = await setUp('a');
    await putOn('a', ['front', '10.81.0.9'], 'bridge');
    await putOn('a', ['front', '10.81.0.9']);
    for (const wait of [0, 1, 2, 3, 5, 8, 12]) {
      const change = putOn('a', ['front', '10.81.0.9'], 'bridge').catch(() => undefined);
      // Not to wait for anything: to kill it at another instant each time.
      await new Promise((resolve) => setTimeout(resolve, wait));
      await lab.startEngine(['a']);
      await change;
      // What counts is the container's record: it is asked for once more.
      await putOn('a', ['front', '10.81.0.9']);
      expect(await addresses(a)).toMatch(/^\d+: eth1\s+inet 10\.81\.0\.9\/24[^\n]*\n$/);
      expect(await routes(a)).toContain('default via 10.81.0.1 dev eth1');
    }
    expect(await lab.run(lab.hostPath(), 'ip', '-o', 'link', 'show', 'type', 'veth')).toMatch(
      /^[^\n]*eth0[^\n]*\n[^\n]*gt[^\n]*\n$/,
    );
  });

  it('leaves no address, link or rule behind in many connections', { timeout: 60_000 + CYCLES * 500 }, async () => {
    await network('front', { subnet: '10.81.0.0/28' });
    await setUp('a');
    await putOn('a', 'bridge', 'front');
    await putOn('a', 'bridge');
    const before = await lab.kernelState();
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      await putOn('a', 'bridge', 'front');
      await putOn('a', 'bridge');
    }
    expect(await lab.kernelState()).toBe(before);
    // All thirteen addresses are free.
    for (let address = 2; address < 15; address += 1) {
      await setUp(`c${address}`, { networks: [{ target: 'front', aliases: [], ip: `10.81.0.${address}` }] });
    }
  });
});

describe.skipIf(!isRoot)('networks of one host', { timeout: 30_000 }, () => {
  const own = new Lab();
  beforeAll(async () => {
    await own.start();
    await own.startEngine([]);
  });
  afterAll(() => own.stop());

  const create = (spec: Partial<LocalNetworkSpec>) =>
    own.engine.call('create', LocalNetworkSpec.fromPartial({ name: 'net', ...spec }));

  it('are kept over a restart, and gone once removed, with their bridge and rules', async () => {
    // Tables come in the order that they were made in.
    await own.startEngine([]);
    const before = await own.kernelState();
    const id = await create({ labels: { a: '1' }, subnet: '10.81.0.0/24' });
    await own.startEngine([]);
    await expect(own.engine.call('find', id.slice(0, 8))).resolves.toMatchObject({
      id,
      name: 'net',
      labels: { a: '1' },
    });
    await own.engine.call('setup', sandboxRequest('a', { networks: [{ target: 'net', aliases: [] }] }));
    await expect(own.engine.call('remove', 'net')).rejects.toMatchObject({ code: 'IN_USE' });
    await own.engine.call('teardown', 'a');
    await own.engine.call('remove', 'net');
    expect(await own.kernelState()).toBe(before);
    await own.startEngine([]);
    expect((await own.engine.call('list')).map(({ name }) => name)).toEqual(['bridge']);
    await expect(own.engine.call('remove', 'net')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(own.engine.call('remove', 'bridge')).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('are refused where they would take the host’s own addresses, and nothing is left', async () => {
    await expect(create({ subnet: '198.51.100.0/25' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await own.engine.call('list')).map(({ name }) => name)).toEqual(['bridge']);
  });

  it('are looked into by a doctor of whom nothing is left, also when he is killed', async () => {
    const before = await own.kernelState();
    await own.run(own.hostPath(), 'nft', 'add table ip gantry-check-lab-x');
    await own.startEngine([]);
    expect(await own.kernelState()).toBe(before);
  });

  it('have the MTU that they are given', async () => {
    await create({ name: 'small', driverOpts: { 'com.docker.network.driver.mtu': '1300' } });
    const sandbox = await own.engine.call(
      'setup',
      sandboxRequest('b', { networks: [{ target: 'small', aliases: [] }] }),
    );
    expect(await own.run(sandbox.netnsPath, 'ip', 'link', 'show', 'eth0')).toContain('mtu 1300');
    await own.engine.call('teardown', 'b');
    await own.engine.call('remove', 'small');
  });
});
