/** A network of the cluster with addresses of both kinds, on one of its nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssignedNetwork } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import {
  AddressBlock,
  Network,
  NetworkSpec,
  PortConfig,
  PublishMode,
  ServiceEndpoints,
} from '../../../proto/generated/gantry/v1/types.ts';
import type { Sandbox } from '../networks.ts';
import {
  HOST_ADDRESS,
  HOST_ADDRESS6,
  Lab,
  NEIGHBOUR_ADDRESS,
  NEIGHBOUR_ADDRESS6,
  sandboxRequest,
} from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();
let before = '';
let web: [Sandbox, Sandbox];
let client: Sandbox;
let stranger: Sandbox;

const VIP = 'fd00:81::fa';

function overlay(id: string, number: number, spec: Partial<NetworkSpec> = {}): AssignedNetwork {
  const block = `10.${number}.0.0/26`;
  return {
    network: Network.fromPartial({
      ...{ id, vni: 5000 + number, subnet: `10.${number}.0.0/24`, gateway: `10.${number}.0.1` },
      ...{ ipv6Subnet: `fd00:${number}::/64`, ipv6Gateway: `fd00:${number}::1` },
      spec: NetworkSpec.fromPartial({
        ...{ annotations: { name: id }, driver: 'overlay', enableIpv6: true },
        ...{ subnet: `10.${number}.0.0/24`, ipv6Subnet: `fd00:${number}::/64`, ...spec },
      }),
      blocks: [AddressBlock.fromPartial({ nodeId: 'node', cidr: block })],
    }),
    blocks: [block],
    nodeAddress: HOST_ADDRESS,
  };
}

const PEER = {
  networkId: 'front',
  nodeId: 'other',
  nodeAddress: '192.0.2.77',
  blocks: ['10.81.0.64/26'],
  wireguardKey: '',
  ipv6Addresses: [],
};

function applyNetworks(): Promise<unknown> {
  return lab.engine.call('applyNetworks', [overlay('front', 81), overlay('inner', 82, { internal: true })], [PEER]);
}

function served(sandboxes: readonly Sandbox[]): ServiceEndpoints {
  return ServiceEndpoints.fromPartial({
    serviceId: 'id-of-web',
    serviceName: 'shop_web',
    networks: [{ target: 'front', aliases: ['web'] }],
    virtualIps: [{ networkId: 'front', address: '10.81.0.250' }],
    endpoints: sandboxes.map((sandbox, index) => ({
      taskId: `task${index}`,
      slot: index + 1,
      nodeId: 'node',
      containerName: `shop_web.${index + 1}.task${index}`,
      addresses: sandbox.networks.map(({ networkId, address }) => ({ networkId, address })),
    })),
  });
}

const setUp = (containerId: string, target: string): Promise<Sandbox> =>
  lab.engine.call('setup', sandboxRequest(containerId, { networks: [{ target, aliases: [] }] }));

const ipv6Of = (sandbox: Sandbox) => sandbox.networks[0]?.ipv6Address ?? '';

async function resolve(name: string): Promise<string[]> {
  const text = await lab.run(client.netnsPath, 'busybox', 'nslookup', '-type=aaaa', name, '127.0.0.11');
  return (text.match(/(?<=Address: )fd\S+/g) ?? []).toSorted();
}

async function ask(from: Sandbox, address = VIP, port = 80): Promise<string> {
  return lab.ask(from.netnsPath, address, port);
}

async function reaches(from: Sandbox, address: string): Promise<boolean> {
  const ping = lab.run(from.netnsPath, 'busybox', 'ping', '-c', '1', '-W', '1', address);
  return ping.then(
    () => true,
    () => false,
  );
}

beforeAll(async () => {
  if (!isRoot) return;
  await lab.start();
  before = await lab.kernelState();
  await lab.startEngine([]);
  await applyNetworks();
  web = [await setUp('web1', 'front'), await setUp('web2', 'front')];
  client = await setUp('client', 'front');
  stranger = await setUp('stranger', 'inner');
  for (const [index, sandbox] of web.entries()) {
    await lab.serve(sandbox, 80, `web${index + 1}`, '::');
    await lab.serveUdp(sandbox.netnsPath, 53, `web${index + 1}`, '::');
  }
  await lab.engine.call('applyEndpoints', [served(web)]);
}, 60_000);

afterAll(async () => {
  if (isRoot) await lab.stop();
}, 60_000);

describe.skipIf(!isRoot)('a network of the cluster with IPv6', { timeout: 30_000 }, () => {
  it('gives each container the address that goes with that of IPv4, and a way through its host', async () => {
    expect(client.networks[0]).toMatchObject({
      ...{ address: '10.81.0.4', ipv6Address: 'fd00:81::4' },
      ...{ ipv6PrefixLength: 128, ipv6Gateway: 'fd00:81::1' },
    });
    const routes = await lab.run(client.netnsPath, 'ip', '-6', 'route');
    expect(routes).toContain('fd00:81::1 dev eth0');
    expect(routes).toContain('fd00:81::/64 via fd00:81::1 dev eth0');
    expect(routes).toContain('default via fd00:81::1 dev eth0');
    expect(await ask(client, ipv6Of(web[0]))).toBe(`web1 ${ipv6Of(client)}`);
  });

  it('gives the address of IPv4 that goes with one of IPv6 which is chosen, and the other way round', async () => {
    const set = (id: string, at: { ip?: string; ipv6?: string }) =>
      lab.engine.call('setup', sandboxRequest(id, { networks: [{ target: 'front', aliases: [], ...at }] }));
    const both = { address: '10.81.0.42', ipv6Address: 'fd00:81::2a' };
    for (const at of [{ ipv6: 'fd00:81:0::2A' }, { ip: '10.81.0.42' }, { ip: '10.81.0.42', ipv6: 'fd00:81::2a' }]) {
      expect((await set('chosen', at)).networks[0]).toMatchObject(both);
      await expect(set('late', at)).rejects.toMatchObject({ code: 'IN_USE' });
      await lab.engine.call('teardown', 'chosen');
    }
  });

  it.each([
    [{ ip: '10.81.0.43', ipv6: 'fd00:81::2a' }, /don't go together/],
    [{ ipv6: 'fd00:81::49' }, /fd00:81::49 of network front is not one of this node/],
    [{ ipv6: 'fd00:81::1:2' }, /goes with none of IPv4/],
    [{ ipv6: 'fd00:82::2a' }, /not in fd00:81::\/64/],
    [{ ipv6: 'fd00:81::1' }, /not for containers/],
  ])('refuses %s', async (at, message) => {
    const networks = [{ target: 'front', aliases: [], ...at }];
    const refusal = { code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) };
    await expect(lab.engine.call('setup', sandboxRequest('odd', { networks }))).rejects.toMatchObject(refusal);
  });

  it('knows of other nodes what is needed to reach them, and learns nothing', async () => {
    const text = await lab.run(lab.hostPath(), 'ip', '-6', 'route');
    const [, vxlan = ''] = /fd00:81::40\/122 via fe80::42:c0ff:fe00:24d dev (\S+) .*onlink/.exec(text) ?? [];
    const neighbours = await lab.run(lab.hostPath(), 'ip', '-6', 'neighbour', 'show', 'dev', vxlan);
    expect(neighbours.trim()).toBe('fe80::42:c0ff:fe00:24d lladdr 02:42:c0:00:02:4d PERMANENT');
  });

  it('has names for tasks and services', async () => {
    expect(await resolve('web')).toEqual([VIP]);
    expect(await resolve('tasks.web')).toEqual(web.map(ipv6Of).toSorted());
    expect(await resolve('shop_web.2')).toEqual([ipv6Of(web[1])]);
    const reverse = (address: string) => lab.run(client.netnsPath, 'busybox', 'nslookup', address, '127.0.0.11');
    expect(await reverse(VIP)).toContain('shop_web.front');
    expect(await reverse(ipv6Of(web[1]))).toContain('shop_web.2.task1.front');
  });

  it("leads from a service's address to its tasks in turn, who see who asks, and back to the one that asks", async () => {
    const answers = [await ask(client), await ask(client)].toSorted();
    expect(answers).toEqual([`web1 ${ipv6Of(client)}`, `web2 ${ipv6Of(client)}`]);
    expect(await reaches(client, VIP)).toBe(true);
    const own = [await ask(web[0]), await ask(web[0])].toSorted();
    expect(own).toEqual(['web1 fd00:81::1', `web2 ${ipv6Of(web[0])}`]);
  });

  it('works on an internal network, from the one that it leads to as well', async () => {
    await lab.serve(stranger, 80, 'stranger', '::');
    const { virtualIps: _, ...one } = served([stranger]);
    const ids = { serviceId: 'id-of-inner', serviceName: 'shop_inner', networks: [{ target: 'inner', aliases: [] }] };
    const inner = { ...one, ...ids, virtualIps: [{ networkId: 'inner', address: '10.82.0.250' }] };
    await lab.engine.call('applyEndpoints', [served(web), inner]);
    expect(await ask(stranger, 'fd00:82::fa')).toBe('stranger fd00:82::1');
    await expect(ask(client, 'fd00:82::fa')).rejects.toThrow();
    await lab.engine.call('applyEndpoints', [served(web)]);
  });

  it('follows changes of the service, and refuses when it has no task', async () => {
    await lab.engine.call('applyEndpoints', [served([web[1]])]);
    expect(await ask(client)).toMatch(/^web2 /);
    expect(await ask(client)).toMatch(/^web2 /);
    await lab.engine.call('applyEndpoints', [served([])]);
    const refused = lab.run(client.netnsPath, 'busybox', 'nc', '-w', '60', VIP, '80');
    await expect(refused).rejects.toThrow(/Connection refused/);
    expect(await resolve('web')).toEqual([]);
    await lab.engine.call('applyEndpoints', [served(web)]);
    expect([await ask(client), await ask(client)]).toHaveLength(2);
  });

  it('goes on with what is under way over TCP when tasks change; over UDP it goes to those that are left', async () => {
    await lab.engine.call('applyEndpoints', [served([web[1]])]);
    await lab.serveEcho(web[1], 82, '::');
    const connection = await lab.connect(client.netnsPath, VIP, 82);
    const flow = await lab.udpClient(client.netnsPath, VIP, 53);
    expect(await flow.ask()).toContain(`web2 ${ipv6Of(client)}`);
    await lab.engine.call('applyEndpoints', [served([web[0]])]);
    // An answer to what it sent before may come yet.
    await expect.poll(() => flow.ask()).toContain(`web1 ${ipv6Of(client)}`);
    expect(await connection.ask('still here')).toBe('still here');
    await lab.engine.call('applyEndpoints', [served(web)]);
    await lab.run(lab.hostPath(), 'nft', 'flush', 'ruleset');
    expect(await connection.ask('without rules')).toBe('without rules');
    await expect.poll(() => ask(client).catch(() => ''), { timeout: 10_000 }).toMatch(/^web/);
    expect(await connection.ask('with them')).toBe('with them');
  });

  it('publishes ports of containers on both, which see who connects', async () => {
    const port = { publishedPort: 8080, targetPort: 80, mode: PublishMode.HOST };
    const request = { networks: [{ target: 'front', aliases: [] }], ports: [PortConfig.fromPartial(port)] };
    const sandbox = await lab.engine.call('setup', sandboxRequest('published', request));
    expect(sandbox.ports.map(({ hostIp }) => hostIp)).toEqual(['', '::']);
    await lab.serve(sandbox, 80, 'published', '::');
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS6, 8080)).toBe(`published ${NEIGHBOUR_ADDRESS6}`);
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8080)).toBe(`published ::ffff:${NEIGHBOUR_ADDRESS}`);
    expect(await lab.ask(client.netnsPath, HOST_ADDRESS6, 8080)).toBe(`published ${ipv6Of(client)}`);
    expect(await lab.ask(sandbox.netnsPath, HOST_ADDRESS6, 8080)).toBe('published fd00:81::1');
    await lab.engine.call('teardown', 'published');
  });

  it('leads out under the address of the host, unless it is internal', async () => {
    await lab.serve({ netnsPath: lab.neighbourPath() }, 7001, 'outside', '::');
    expect(await ask(client, NEIGHBOUR_ADDRESS6, 7001)).toBe(`outside ${HOST_ADDRESS6}`);
    await expect(ask(stranger, NEIGHBOUR_ADDRESS6, 7001)).rejects.toThrow();
    await lab.run(lab.neighbourPath(), 'ip', '-6', 'route', 'add', 'fd00:81::/64', 'via', HOST_ADDRESS6);
    await expect(lab.ask(lab.neighbourPath(), ipv6Of(web[0]), 80)).rejects.toThrow();
  });

  it('is not reached from another one', async () => {
    for (const address of [VIP, ipv6Of(web[0])]) await expect(ask(stranger, address)).rejects.toThrow();
    expect(await reaches(stranger, ipv6Of(client))).toBe(false);
    expect(await reaches(client, ipv6Of(stranger))).toBe(false);
  });

  it('is put back when somebody changes it', async () => {
    const host = lab.hostPath();
    const block = async () => lab.run(host, 'ip', '-6', 'route', 'show', 'fd00:81::40/122');
    const route = await block();
    await lab.run(host, 'ip', '-6', 'route', 'delete', 'fd00:81::40/122');
    await expect.poll(block, { timeout: 10_000 }).toBe(route);
    await lab.run(host, 'ip', '-6', 'neighbour', 'flush', 'nud', 'permanent');
    const neighbours = () => lab.run(host, 'ip', '-6', 'neighbour', 'show', 'nud', 'permanent');
    await expect.poll(neighbours, { timeout: 10_000 }).toContain('02:42:c0:00:02:4d');
    const [, bridge = ''] = /fd00:81::\/64 dev (\S+)/.exec(await lab.run(host, 'ip', '-6', 'route')) ?? [];
    await lab.run(host, 'ip', '-6', 'address', 'delete', 'fd00:81::1/64', 'dev', bridge);
    const addresses = () => lab.run(host, 'ip', '-6', 'address', 'show', 'dev', bridge);
    await expect.poll(addresses, { timeout: 10_000 }).toContain('fd00:81::1/64');
    expect(await ask(client)).toMatch(/^web/);
  });

  it('goes on when the agent is killed', async () => {
    await lab.serveEcho(web[0], 81, '::');
    const connection = await lab.connect(client.netnsPath, ipv6Of(web[0]), 81);
    await lab.startEngine(['web1', 'web2', 'client', 'stranger']);
    await applyNetworks();
    expect(await connection.ask('still here')).toBe('still here');
    expect(await ask(client)).toMatch(/^web/);
  });

  it('leaves nothing', async () => {
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    await lab.startEngine([]);
  });
});
