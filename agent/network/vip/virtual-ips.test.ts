/** Services' own addresses in the kernel, as containers see them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssignedNetwork } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { AddressBlock, Network, NetworkSpec, ServiceEndpoints } from '../../../proto/generated/gantry/v1/types.ts';
import type { Sandbox } from '../networks.ts';
import { HOST_ADDRESS, Lab, sandboxRequest } from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();
let before = '';

function overlay(id: string, subnet: string, vni: number, spec: Partial<NetworkSpec> = {}): AssignedNetwork {
  return {
    network: Network.fromPartial({
      id,
      subnet,
      gateway: subnet.replace(/\.0\/\d+$/, '.1'),
      spec: NetworkSpec.fromPartial({ annotations: { name: id }, driver: 'overlay', ...spec }),
      blocks: [AddressBlock.fromPartial({ nodeId: 'node', cidr: subnet.replace(/\d+$/, '26') })],
      vni,
    }),
    blocks: [subnet.replace(/\d+$/, '26')],
    nodeAddress: HOST_ADDRESS,
  };
}

function on(networkId: string, sandboxes: readonly Sandbox[], address: string): ServiceEndpoints {
  return ServiceEndpoints.fromPartial({
    serviceId: 'id-of-web',
    serviceName: 'shop_web',
    networks: [{ target: networkId, aliases: ['web'] }],
    virtualIps: [{ networkId, address }],
    endpoints: sandboxes.map((sandbox, index) => ({
      taskId: `task${index}`,
      slot: index + 1,
      nodeId: 'node',
      containerName: `shop_web.${index + 1}.task${index}`,
      addresses: sandbox.networks.map((network) => ({ networkId: network.networkId, address: network.address })),
    })),
  });
}

const setUp = (containerId: string, target: string): Promise<Sandbox> =>
  lab.engine.call('setup', sandboxRequest(containerId, { networks: [{ target, aliases: [] }] }));

const addressOf = (sandbox: Sandbox) => sandbox.networks[0]?.address ?? '';

const VIP = '10.81.0.250';
const INNER_VIP = '10.82.0.250';

let web: [Sandbox, Sandbox];
let client: Sandbox;
let stranger: Sandbox;

beforeAll(async () => {
  if (!isRoot) return;
  await lab.start();
  before = await lab.kernelState();
  await lab.startEngine([]);
  await lab.engine.call(
    'applyNetworks',
    [overlay('front', '10.81.0.0/24', 5001), overlay('inner', '10.82.0.0/24', 5002, { internal: true })],
    [],
  );
  web = [await setUp('web1', 'front'), await setUp('web2', 'front')];
  client = await setUp('client', 'front');
  stranger = await setUp('stranger', 'inner');
  for (const [index, sandbox] of web.entries()) {
    await lab.serve(sandbox, 80, `web${index + 1}`);
    await lab.serveUdp(sandbox.netnsPath, 53, `web${index + 1}`);
  }
  await lab.engine.call('applyEndpoints', [on('front', web, VIP)]);
}, 60_000);

afterAll(async () => {
  if (isRoot) await lab.stop();
}, 60_000);

describe.skipIf(!isRoot)("a service's own address", () => {
  const askMany = async (from: Sandbox, address = VIP) => {
    const answers: string[] = [];
    for (let count = 0; count < 4; count += 1) answers.push(await lab.ask(from.netnsPath, address, 80));
    return answers.toSorted((a, b) => a.localeCompare(b));
  };

  it('leads to its tasks in turn, who see who asks', async () => {
    const me = addressOf(client);
    expect(await askMany(client)).toEqual([`web1 ${me}`, `web1 ${me}`, `web2 ${me}`, `web2 ${me}`]);
  });

  it('is what its names stand for; its tasks have a name of their own', async () => {
    const resolve = async (name: string) =>
      (await lab.run(client.netnsPath, 'busybox', 'nslookup', name, '127.0.0.11')).match(/(?<=Address: )\S+/g) ?? [];
    expect(await resolve('web')).toEqual([VIP]);
    expect(await resolve('shop_web')).toEqual([VIP]);
    expect((await resolve('tasks.web')).sort()).toEqual(web.map(addressOf).sort());
    expect(await resolve('shop_web.2')).toEqual([addressOf(web[1])]);
    expect(await lab.run(client.netnsPath, 'busybox', 'nslookup', VIP, '127.0.0.11')).toContain('shop_web.front');
  });

  it('can be pinged', async () => {
    expect(await lab.ping(client, 'web')).toContain('1 packets received');
  });

  it('is reached from its own tasks, also when it leads back to the one that asks', async () => {
    const answers = await askMany(web[0]);
    const [own] = answers.filter((answer) => answer.startsWith('web1 '));
    expect(answers.map((answer) => answer.split(' ')[0])).toEqual(['web1', 'web1', 'web2', 'web2']);
    // Which is told that its host asks: it would take its own address for a forgery.
    expect(own).toBe('web1 10.81.0.1');
    expect(answers).toContain(`web2 ${addressOf(web[0])}`);
  });

  it("is nobody's on another network, nor from the host's neighbours", async () => {
    await expect(lab.ask(stranger.netnsPath, VIP, 80)).rejects.toThrow();
    await lab.run(lab.neighbourPath(), 'ip', 'route', 'replace', '10.81.0.0/24', 'via', HOST_ADDRESS);
    await expect(lab.ask(lab.neighbourPath(), VIP, 80)).rejects.toThrow();
    await lab.run(lab.neighbourPath(), 'ip', 'route', 'delete', '10.81.0.0/24');
  });

  it('works on an internal network', async () => {
    const inside = await setUp('inside', 'inner');
    await lab.serve(inside, 80, 'inside');
    const service = { ...on('inner', [inside], INNER_VIP), serviceId: 'id-of-inside', serviceName: 'shop_inside' };
    await lab.engine.call('applyEndpoints', [on('front', web, VIP), service]);
    expect(await lab.ask(stranger.netnsPath, INNER_VIP, 80)).toBe(`inside ${addressOf(stranger)}`);
    expect(await lab.ask(inside.netnsPath, INNER_VIP, 80)).toBe('inside 10.82.0.1');
    await lab.engine.call('applyEndpoints', [on('front', web, VIP)]);
    await expect(lab.ask(stranger.netnsPath, INNER_VIP, 80)).rejects.toThrow();
    await lab.engine.call('teardown', 'inside');
  });

  it('goes on with what is under way when its tasks change, over TCP; over UDP it goes to those that are left', async () => {
    await lab.engine.call('applyEndpoints', [on('front', [web[1]], VIP)]);
    await lab.serveEcho(web[1], 81);
    const connection = await lab.connect(client.netnsPath, VIP, 81);
    const flow = await lab.udpClient(client.netnsPath, VIP, 53);
    expect(await flow.ask()).toMatch(/^web2 /);
    await lab.engine.call('applyEndpoints', [on('front', [web[0]], VIP)]);
    expect(await askMany(client)).toEqual(Array(4).fill(`web1 ${addressOf(client)}`));
    expect(await flow.ask()).toMatch(/^web1 /);
    expect(await connection.ask('still here')).toBe('still here');
    await lab.engine.call('applyEndpoints', [on('front', web, VIP)]);
  });

  it('refuses at once when there is no task, and has no name then', async () => {
    await lab.engine.call('applyEndpoints', [on('front', [], VIP)]);
    const began = lab.run(client.netnsPath, 'busybox', 'nc', '-w', '60', VIP, '80');
    await expect(began).rejects.toThrow(/Connection refused/);
    await expect(lab.run(client.netnsPath, 'busybox', 'nslookup', 'web', '127.0.0.11')).resolves.not.toContain(VIP);
    await lab.engine.call('applyEndpoints', [on('front', web, VIP)]);
    expect(await askMany(client)).toHaveLength(4);
  });

  it('is there after the engine was killed, and changes then', async () => {
    await lab.startEngine(['web1', 'web2', 'client', 'stranger']);
    expect((await askMany(client)).map((answer) => answer.split(' ')[0])).toEqual(['web1', 'web1', 'web2', 'web2']);
    await lab.engine.call('applyEndpoints', [on('front', [web[1]], VIP)]);
    expect(await askMany(client)).toEqual(Array(4).fill(`web2 ${addressOf(client)}`));
  });

  it('leaves nothing', async () => {
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    await lab.startEngine([]);
  });
});
