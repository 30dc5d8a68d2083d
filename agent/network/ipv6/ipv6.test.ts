import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../../proto/generated/gantry/v1/engine.ts';
import { PortConfig, PortProtocol, PublishMode } from '../../../proto/generated/gantry/v1/types.ts';
import type { Sandbox, SandboxRequest } from '../networks.ts';
import { HOST_ADDRESS6, Lab, NEIGHBOUR_ADDRESS6, sandboxRequest } from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();
const live = new Set<string>();
const made = new Set<string>();
let before = '';

async function make(name: string, spec: Partial<LocalNetworkSpec> = {}): Promise<void> {
  await lab.engine.call('create', LocalNetworkSpec.fromPartial({ name, enableIpv6: true, ...spec }));
  made.add(name);
}

async function setUp(containerId: string, request: Partial<SandboxRequest> = {}): Promise<Sandbox> {
  const sandbox = await lab.engine.call('setup', sandboxRequest(containerId, request));
  live.add(containerId);
  return sandbox;
}

const on = (target: string, more: { ip?: string; ipv6?: string } = {}) => ({ target, aliases: [], ...more });

const port = (more: Partial<PortConfig> = {}) =>
  PortConfig.fromPartial({ publishedPort: 8080, targetPort: 80, mode: PublishMode.HOST, ...more });

function ipv6Of(sandbox: Sandbox, index = 0): string {
  return sandbox.networks[index]?.ipv6Address ?? '';
}

async function reaches(from: Sandbox, address: string): Promise<boolean> {
  const ping = lab.run(from.netnsPath, 'busybox', 'ping', '-c', '1', '-W', '1', address);
  return ping.then(
    () => true,
    () => false,
  );
}

describe.skipIf(!isRoot)('a network with IPv6', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    await lab.start();
    before = await lab.kernelState();
    await lab.startEngine([]);
  }, 30_000);

  afterEach(async () => {
    for (const containerId of live) await lab.engine.call('teardown', containerId);
    for (const name of made) await lab.engine.call('remove', name);
    live.clear();
    made.clear();
  });

  afterAll(() => lab.stop(), 30_000);

  it('gives addresses of both kinds that are there at once, a default route, and lines in hosts', async () => {
    await make('six', { ipv6Subnet: 'fd00:6::/64' });
    const sandbox = await setUp('a', { networks: [on('six')] });
    expect(sandbox.networks[0]).toMatchObject({
      ipv6Address: 'fd00:6::2',
      ipv6PrefixLength: 64,
      ipv6Gateway: 'fd00:6::1',
    });
    const addresses = await lab.run(sandbox.netnsPath, 'ip', '-o', '-6', 'address', 'show', 'dev', 'eth0');
    expect(addresses).toContain('inet6 fd00:6::2/64 scope global nodad');
    expect(addresses).not.toContain('tentative');
    expect(await lab.run(sandbox.netnsPath, 'ip', '-6', 'route')).toContain('default via fd00:6::1 dev eth0');
    expect(readFileSync(sandbox.hostsPath, 'utf8')).toContain('fd00:6::2\ta\n');
    const acceptRa = await lab.run(sandbox.netnsPath, 'cat', '/proc/sys/net/ipv6/conf/eth0/accept_ra');
    expect(acceptRa.trim()).toBe('0');
  });

  it('has names with AAAA records, and reverse names', async () => {
    await make('six', { ipv6Subnet: 'fd00:6::/64' });
    const a = await setUp('a', { networks: [on('six')] });
    const b = await setUp('b', { networks: [on('six')] });
    const answer = await lab.run(a.netnsPath, 'busybox', 'nslookup', '-type=aaaa', 'b', '127.0.0.11');
    expect(answer).toContain(`Address: ${ipv6Of(b)}`);
    expect(await lab.run(a.netnsPath, 'busybox', 'nslookup', ipv6Of(b), '127.0.0.11')).toContain('name = b.six');
    expect(await reaches(a, ipv6Of(b))).toBe(true);
  });

  it('leads out under the address of the host, unless it is internal', async () => {
    await make('six');
    await make('inner', { internal: true });
    const sandbox = await setUp('a', { networks: [on('six')] });
    expect(ipv6Of(sandbox)).toMatch(/^fd/);
    await lab.serve({ netnsPath: lab.neighbourPath() }, 7001, 'hello', '::');
    expect(await lab.ask(sandbox.netnsPath, NEIGHBOUR_ADDRESS6, 7001)).toBe(`hello ${HOST_ADDRESS6}`);
    const inner = await setUp('b', { networks: [on('inner')] });
    expect(await reaches(inner, NEIGHBOUR_ADDRESS6)).toBe(false);
    const addRoute = ['route', 'add', 'default', 'via', inner.networks[0]?.ipv6Gateway ?? ''];
    await lab.run(inner.netnsPath, 'ip', '-6', ...addRoute);
    expect(await reaches(inner, NEIGHBOUR_ADDRESS6)).toBe(false);
  });

  it('is not reached from others, nor from outside', async () => {
    await make('one', { ipv6Subnet: 'fd00:1::/64' });
    await make('two', { ipv6Subnet: 'fd00:2::/64' });
    const a = await setUp('a', { networks: [on('one')] });
    const b = await setUp('b', { networks: [on('two')] });
    expect(await reaches(a, ipv6Of(b))).toBe(false);
    await lab.run(lab.neighbourPath(), 'ip', '-6', 'route', 'replace', 'fd00:1::/64', 'via', HOST_ADDRESS6);
    expect(await reaches({ ...a, netnsPath: lab.neighbourPath() }, ipv6Of(a))).toBe(false);
    expect(await reaches({ ...a, netnsPath: lab.hostPath() }, ipv6Of(a))).toBe(true);
  });

  it('publishes ports on IPv6 as well, which see who connects, and on ::1', async () => {
    await make('six');
    const ports = [port(), port({ protocol: PortProtocol.UDP, publishedPort: 8053, targetPort: 53 })];
    const sandbox = await setUp('a', { networks: [on('six')], ports });
    expect(sandbox.ports.map(({ hostIp, publishedPort }) => [hostIp, publishedPort])).toEqual([
      ['', 8080],
      ['::', 8080],
      ['', 8053],
      ['::', 8053],
    ]);
    await lab.serve(sandbox, 80, 'web', '::');
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080)).toBe(`web ${NEIGHBOUR_ADDRESS6}`);
    expect(await lab.ask(lab.hostPath(), HOST_ADDRESS6, 8080)).toMatch(/^web /);
    expect(await lab.ask(lab.hostPath(), '::1', 8080)).toMatch(/^web /);
    // Its own published port, by the address of the host.
    expect(await lab.ask(sandbox.netnsPath, HOST_ADDRESS6, 8080)).toMatch(/^web /);
  });

  it('publishes a port on ::1 or one address alone, and gives it back', async () => {
    await make('six');
    const ports = [port({ hostIp: '::1' }), port({ hostIp: HOST_ADDRESS6, publishedPort: 8081 })];
    const sandbox = await setUp('a', { networks: [on('six')], ports });
    await lab.serve(sandbox, 80, 'web', '::');
    expect(await lab.ask(lab.hostPath(), '::1', 8080)).toMatch(/^web /);
    await expect(lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080)).rejects.toThrow();
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8081)).toBe(`web ${NEIGHBOUR_ADDRESS6}`);
    await expect(setUp('b', { networks: [on('six')], ports: [port()] })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    live.delete('a');
    await lab.engine.call('teardown', 'a');
    await setUp('b', { networks: [on('six')], ports: [port()] });
  });

  it('refuses ports and addresses that a container cannot have', async () => {
    await make('six', { ipv6Subnet: 'fd00:6::/64' });
    await setUp('a', { networks: [on('six', { ipv6: 'fd00:6::3' })] });
    const refused = async (request: Partial<SandboxRequest>, code: string) =>
      expect(setUp('b', request)).rejects.toMatchObject({ code });
    await refused({ networks: [on('six', { ipv6: 'fd00:6::3' })] }, 'IN_USE');
    await refused({ networks: [on('six', { ipv6: 'fd00:7::3' })] }, 'INVALID_ARGUMENT');
    await refused({ networks: [on('six', { ipv6: 'fd00:6::1' })] }, 'INVALID_ARGUMENT');
    await refused({ networks: [on('bridge', { ipv6: 'fd00:6::4' })] }, 'INVALID_ARGUMENT');
    await refused({ ports: [port({ hostIp: '::' })] }, 'INVALID_ARGUMENT');
    // The one that goes with the address of IPv4 is taken.
    expect(ipv6Of(await setUp('c', { networks: [on('six')] }))).not.toBe('fd00:6::3');
    expect((await lab.engine.call('endpointsOf', 'six')).map(({ ipv6Address }) => ipv6Address)).toContain('fd00:6::3');
  });

  it('is joined and left by a container that runs, with its ports', async () => {
    await make('six');
    const request = sandboxRequest('a', { ports: [port()] });
    await setUp('a', { ports: [port()] });
    const joined = await lab.engine.call('reattach', { ...request, networks: [on('bridge'), on('six')] });
    if (joined === undefined) throw new Error('the sandbox is not whole');
    await lab.serve(joined, 80, 'web', '::');
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080)).toBe(`web ${NEIGHBOUR_ADDRESS6}`);
    const left = await lab.engine.call('reattach', request);
    expect(left?.ports.map(({ hostIp }) => hostIp)).toEqual(['']);
    await expect(lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080)).rejects.toThrow();
  });

  it('goes on when the agent is killed, and is put back when somebody changes it', async () => {
    await make('six', { ipv6Subnet: 'fd00:6::/64' });
    const sandbox = await setUp('a', { networks: [on('six')], ports: [port()] });
    await lab.serve(sandbox, 80, 'web', '::');
    await lab.startEngine(['a']);
    const isPublished = async () =>
      (await lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080).catch(() => '')) === `web ${NEIGHBOUR_ADDRESS6}`;
    expect(await isPublished()).toBe(true);
    const bridge =
      /(\S+)\s+inet6 fd00:6::1/.exec(await lab.run(lab.hostPath(), 'ip', '-o', '-6', 'address'))?.[1] ?? '';
    for (const harm of [
      ['ip', '-6', 'address', 'flush', 'dev', bridge],
      ['nft', 'flush', 'ruleset'],
      ['ip', '-6', 'route', 'delete', 'fd00:6::/64', 'dev', bridge],
      ['ip', 'link', 'delete', bridge],
    ]) {
      await lab.run(lab.hostPath(), ...harm);
      await expect.poll(isPublished, { timeout: 15_000, message: harm.join(' ') }).toBe(true);
    }
  });

  it('lets the host go on hearing of its routers, and leaves nothing', async () => {
    await make('six');
    await setUp('a', { networks: [on('six')] });
    const setting = async (key: string) => (await lab.run(lab.hostPath(), 'sysctl', '-n', key)).trim();
    expect(await setting('net.ipv6.conf.all.forwarding')).toBe('1');
    expect(await setting('net.ipv6.conf.eth0.accept_ra')).toBe('2');
    await lab.engine.call('teardown', 'a');
    await lab.engine.call('remove', 'six');
    live.clear();
    made.clear();
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    await lab.startEngine([]);
  });
});
