import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as packet from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import {
  AddressBlock,
  Network,
  NetworkSpec,
  PortConfig,
  PortProtocol,
  PublishMode,
  ServiceEndpoints,
} from '../../proto/generated/gantry/v1/types.ts';
import type { Sandbox, SandboxRequest } from './networks.ts';
import { HOST_ADDRESS, HOST_ADDRESS6, Lab, NEIGHBOUR_ADDRESS, sandboxRequest } from './testing/lab.ts';

const RESOLVER = '127.0.0.11';
const isRoot = process.getuid?.() === 0;

const lab = new Lab();
const live = new Set<string>();
let before = '';

async function setUp(containerId: string, request: Partial<SandboxRequest> = {}): Promise<Sandbox> {
  const sandbox = await lab.engine.call('setup', sandboxRequest(containerId, request));
  live.add(containerId);
  return sandbox;
}

async function tearDown(containerId: string): Promise<void> {
  live.delete(containerId);
  await lab.engine.call('teardown', containerId);
}

function addressOf(sandbox: Sandbox, index = 0): string {
  return sandbox.networks[index]?.address ?? '';
}

function assigned(id: string, subnet: string, spec: Partial<NetworkSpec> = {}): AssignedNetwork {
  const gateway = subnet.replace(/\.0\/\d+$/, '.1');
  return {
    network: Network.fromPartial({
      id,
      subnet,
      gateway,
      spec: NetworkSpec.fromPartial({ annotations: { name: `shop_${id}` }, driver: 'overlay', ...spec }),
      blocks: [AddressBlock.fromPartial({ nodeId: 'node', cidr: subnet })],
    }),
    blocks: [subnet],
    nodeAddress: '',
  };
}

function port(publishedPort: number, targetPort: number, more: Partial<PortConfig> = {}): PortConfig {
  return PortConfig.fromPartial({ publishedPort, targetPort, mode: PublishMode.HOST, ...more });
}

function service(name: string, sandboxes: readonly Sandbox[], ports: readonly PortConfig[] = []): ServiceEndpoints {
  const networks = (sandboxes[0]?.networks ?? []).map(({ networkId }) => ({ target: networkId, aliases: [name] }));
  return ServiceEndpoints.fromPartial({
    serviceId: `id-of-${name}`,
    serviceName: `shop_${name}`,
    networks,
    ports: [...ports],
    endpoints: sandboxes.map((sandbox, index) => ({
      taskId: `task${index}`,
      slot: index + 1,
      nodeId: 'node',
      containerName: `shop_${name}.${index + 1}.task${index}`,
      addresses: sandbox.networks.map(({ networkId, address }) => ({ networkId, address })),
    })),
  });
}

const SEND = `
  const [server, hex] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  socket.send(Buffer.from(hex, 'hex'), 53, server, () => socket.close());
`;

/** Asks, and doesn't wait for the answer. */
async function sendQuery(sandbox: Sandbox, name: string): Promise<void> {
  const bytes = packet.encode({ type: 'query', id: 4711, questions: [{ type: 'A', name }] });
  await lab.run(sandbox.netnsPath, process.execPath, '-e', SEND, RESOLVER, bytes.toString('hex'));
}

async function query(sandbox: Sandbox, name: string, type: 'A' | 'AAAA' | 'PTR', transport: 'udp' | 'tcp' = 'udp') {
  const bytes = packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name }],
  });
  const text = await lab.run(
    sandbox.netnsPath,
    process.execPath,
    join(import.meta.dirname, 'testing/query.ts'),
    RESOLVER,
    transport,
    bytes.toString('hex'),
  );
  const reply = packet.decode(Buffer.from(text.trim(), 'hex')) as packet.DecodedPacket & { rcode: string };
  const data = (reply.answers ?? []).flatMap((answer) => ('data' in answer ? String(answer.data) : []));
  return { rcode: reply.rcode, data: data.toSorted(), truncated: reply.flag_tc };
}

describe.skipIf(!isRoot)('NetworkEngine', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    await lab.start();
    before = await lab.kernelState();
    await lab.startEngine([]);
    await lab.startUpstream();
  });

  afterEach(async () => {
    await lab.engine.call('applyEndpoints', []);
    for (const containerId of live) await tearDown(containerId);
    await lab.engine.call('applyNetworks', [], []);
  });

  afterAll(() => lab.stop());

  describe('addresses and interfaces', () => {
    it('gives each container an address, a gateway and files that say so', async () => {
      const sandbox = await setUp('files', {
        domainname: 'example.org',
        extraHosts: ['db:10.9.8.7', 'up:host-gateway'],
      });
      const [network] = sandbox.networks;
      expect(network?.networkName).toBe('bridge');
      const route = await lab.run(sandbox.netnsPath, 'ip', 'route');
      expect(route).toContain(`default via ${network?.gateway} dev eth0`);
      const hosts = readFileSync(sandbox.hostsPath, 'utf8');
      expect(hosts).toContain(`${network?.address}\tfiles.example.org files\n`);
      expect(hosts).toContain('10.9.8.7\tdb\n');
      expect(hosts).toContain(`${network?.gateway}\tup\n`);
      expect(readFileSync(sandbox.hostnamePath, 'utf8')).toBe('files\n');
      expect(readFileSync(sandbox.resolvConfPath, 'utf8')).toContain('nameserver 127.0.0.11\n');
    });

    it('returns the same sandbox when asked again', async () => {
      const first = await setUp('twice', { ports: [port(0, 80)] });
      expect(await setUp('twice', { ports: [port(0, 80)] })).toEqual(first);
    });

    it('numbers interfaces by attachment and routes through the first network that is not internal', async () => {
      await lab.engine.call(
        'applyNetworks',
        [assigned('inner', '10.61.0.0/24', { internal: true }), assigned('outer', '10.62.0.0/24')],
        [],
      );
      const sandbox = await setUp('two', {
        networks: [
          { target: 'inner', aliases: [] },
          { target: 'shop_outer', aliases: [] },
        ],
      });
      const addresses = await lab.run(sandbox.netnsPath, 'ip', '-o', '-4', 'address');
      expect(addresses).toMatch(/eth0\s+inet 10\.61\.0\.2\/24/);
      expect(addresses).toMatch(/eth1\s+inet 10\.62\.0\.2\/24/);
      expect(await lab.run(sandbox.netnsPath, 'ip', 'route')).toContain('default via 10.62.0.1 dev eth1');
    });

    it('takes addresses from the blocks of this node only, and says when they are used up', async () => {
      const network = { ...assigned('tiny', '10.63.0.0/24'), blocks: ['10.63.0.8/31'] };
      await lab.engine.call('applyNetworks', [network], []);
      const networks = [{ target: 'tiny', aliases: [] }];
      expect(addressOf(await setUp('tiny1', { networks }))).toBe('10.63.0.8');
      expect(addressOf(await setUp('tiny2', { networks }))).toBe('10.63.0.9');
      await expect(setUp('tiny3', { networks })).rejects.toMatchObject({ code: 'EXHAUSTED' });
    });

    it('gives a namespace with nothing but loopback to a container on no network', async () => {
      const sandbox = await setUp('alone', { networks: [] });
      expect(await lab.run(sandbox.netnsPath, 'ip', '-o', 'link')).toMatch(/^1: lo: <LOOPBACK,UP[^\n]*\n$/);
    });

    it('refuses drivers it does not have and subnets that are taken, and keeps the others', async () => {
      const unsupported = assigned('other', '10.64.0.0/24', { driver: 'ipvlan' });
      const good = assigned('good', '10.65.0.0/24');
      const call = lab.engine.call('applyNetworks', [unsupported, good], []);
      await expect(call).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      expect((await lab.engine.call('list')).map(({ name }) => name)).toEqual(['bridge', 'shop_good']);
      const overlapping = lab.engine.call('applyNetworks', [assigned('lan', '198.51.100.0/24')], []);
      await expect(overlapping).rejects.toMatchObject({ code: 'CONFLICT' });
    });
  });

  describe('reachability', () => {
    it('connects containers of a network by name', async () => {
      const a = await setUp('alpha');
      await setUp('beta');
      const id = await lab.ping(a, 'beta');
      expect(id).toContain('1 packets received');
    });

    it('keeps networks apart', async () => {
      await lab.engine.call('applyNetworks', [assigned('one', '10.71.0.0/24'), assigned('two', '10.72.0.0/24')], []);
      const a = await setUp('a', { networks: [{ target: 'one', aliases: [] }] });
      const b = await setUp('b', { networks: [{ target: 'two', aliases: [] }] });
      const c = await setUp('c', { networks: [{ target: 'one', aliases: [] }] });
      await lab.serve(b, 80, 'b');
      await lab.serve(c, 80, 'c');
      expect(await lab.ask(a.netnsPath, addressOf(c), 80)).toBe(`c ${addressOf(a)}`);
      await expect(lab.ask(a.netnsPath, addressOf(b), 80)).rejects.toThrow('timed out');
    });

    it('lets containers out under the address of the host, except on internal networks', async () => {
      await lab.engine.call('applyNetworks', [assigned('inner', '10.73.0.0/24', { internal: true })], []);
      const outer = await setUp('outer');
      const inner = await setUp('inner', { networks: [{ target: 'inner', aliases: [] }] });
      await lab.serve({ ...outer, netnsPath: lab.neighbourPath() }, 8000, 'neighbour');
      expect(await lab.ask(outer.netnsPath, NEIGHBOUR_ADDRESS, 8000)).toBe(`neighbour ${HOST_ADDRESS}`);
      await lab.run(inner.netnsPath, 'ip', 'route', 'add', 'default', 'via', '10.73.0.1');
      await expect(lab.ask(inner.netnsPath, NEIGHBOUR_ADDRESS, 8000)).rejects.toThrow('timed out');
    });

    it('does not let other hosts in but through published ports', async () => {
      const sandbox = await setUp('closed');
      await lab.serve(sandbox, 80, 'secret');
      const subnet = '172.17.0.0/16';
      await lab.run(lab.neighbourPath(), 'ip', 'route', 'add', subnet, 'via', HOST_ADDRESS);
      await expect(lab.ask(lab.neighbourPath(), addressOf(sandbox), 80)).rejects.toThrow('timed out');
      await lab.run(lab.neighbourPath(), 'ip', 'route', 'delete', subnet);
    });
  });

  describe('published ports', () => {
    it('are reachable from everywhere, and keep the address of clients on other hosts', async () => {
      const web = await setUp('web', { ports: [port(8080, 80)] });
      const client = await setUp('client');
      await lab.engine.call('applyNetworks', [assigned('other', '10.74.0.0/24')], []);
      const stranger = await setUp('stranger', { networks: [{ target: 'other', aliases: [] }] });
      await lab.serve(web, 80, 'web');
      expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8080)).toBe(`web ${NEIGHBOUR_ADDRESS}`);
      expect(await lab.ask(lab.hostPath(), '127.0.0.1', 8080)).toMatch(/^web /);
      expect(await lab.ask(lab.hostPath(), HOST_ADDRESS, 8080)).toMatch(/^web /);
      expect(await lab.ask(client.netnsPath, HOST_ADDRESS, 8080)).toMatch(/^web /);
      expect(await lab.ask(stranger.netnsPath, HOST_ADDRESS, 8080)).toMatch(/^web /);
      expect(await lab.ask(web.netnsPath, HOST_ADDRESS, 8080)).toMatch(/^web /);
    });

    it('on 127.0.0.1 are for the host alone', async () => {
      const web = await setUp('local', { ports: [port(8081, 80, { hostIp: '127.0.0.1' })] });
      await lab.serve(web, 80, 'local');
      expect(await lab.ask(lab.hostPath(), '127.0.0.1', 8081)).toMatch(/^local /);
      await expect(lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8081)).rejects.toThrow('refused');
      // A neighbour that sends packets for 127.0.0.1 to the host.
      await lab.run(lab.neighbourPath(), 'ip', 'route', 'add', '127.0.0.1', 'via', HOST_ADDRESS, 'table', '77');
      await lab.run(lab.neighbourPath(), 'ip', 'rule', 'add', 'to', '127.0.0.1', 'lookup', '77', 'priority', '0');
      await lab.run(lab.neighbourPath(), 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet');
      await expect(lab.ask(lab.neighbourPath(), '127.0.0.1', 8081)).rejects.toThrow();
    });

    it('of a service are spread evenly over its endpoints', async () => {
      const replicas = [await setUp('r1'), await setUp('r2'), await setUp('r3')];
      for (const [index, replica] of replicas.entries()) await lab.serve(replica, 80, `r${index}`);
      const ingress = port(8082, 80, { mode: PublishMode.INGRESS });
      await lab.engine.call('applyEndpoints', [service('web', replicas, [ingress])]);
      const counts = new Map<string, number>();
      for (let request = 0; request < 30; request += 1) {
        const [replica = ''] = (await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8082)).split(' ');
        counts.set(replica, (counts.get(replica) ?? 0) + 1);
      }
      expect(Object.fromEntries(counts)).toEqual({ r0: 10, r1: 10, r2: 10 });
      await lab.engine.call('applyEndpoints', [service('web', replicas.slice(2), [ingress])]);
      expect(await lab.ask(lab.hostPath(), '127.0.0.1', 8082)).toMatch(/^r2 /);
      await lab.engine.call('applyEndpoints', [service('web', [], [ingress])]);
      await expect(lab.ask(lab.hostPath(), '127.0.0.1', 8082)).resolves.toBe('');
      await lab.engine.call('applyEndpoints', []);
      await expect(lab.ask(lab.hostPath(), '127.0.0.1', 8082)).rejects.toThrow('refused');
    });

    it('over UDP follow their service from one endpoint to the next, also for a client that keeps its port', async () => {
      const first = await setUp('u1');
      const second = await setUp('u2');
      await lab.serveUdp(first.netnsPath, 53, 'first');
      await lab.serveUdp(second.netnsPath, 53, 'second');
      const ingress = port(8083, 53, { mode: PublishMode.INGRESS, protocol: PortProtocol.UDP });
      const client = await lab.udpClient(lab.neighbourPath(), HOST_ADDRESS, 8083);
      await lab.engine.call('applyEndpoints', [service('dns', [first], [ingress])]);
      expect(await client.ask()).toBe(`first ${NEIGHBOUR_ADDRESS}`);
      await lab.engine.call('applyEndpoints', [service('dns', [second], [ingress])]);
      expect(await client.ask()).toBe(`second ${NEIGHBOUR_ADDRESS}`);
    });

    it('are refused when somebody has them, naming who', async () => {
      await setUp('holder', { ports: [port(8084, 80)] });
      const refused = setUp('late', { ports: [port(8084, 80, { hostIp: '127.0.0.1' })] });
      await expect(refused).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: 'port 127.0.0.1:8084/tcp is in use by container holder',
      });
      await lab.serve({ netnsPath: lab.hostPath() }, 8085, 'foreign');
      const conflicts = await lab.engine.call('probe', [port(8084, 80), port(8085, 80), port(8086, 80)]);
      expect(conflicts.map((conflict) => [conflict.port?.publishedPort, conflict.holder])).toEqual([
        [8084, 'container holder'],
        [8085, expect.stringMatching(/^process node.* \(pid \d+\)$/)],
      ]);
      await tearDown('holder');
      expect(await lab.engine.call('probe', [port(8084, 80)])).toEqual([]);
      await lab.serve({ netnsPath: lab.hostPath() }, 8087, 'foreign', HOST_ADDRESS6);
      const both = [port(8087, 80), port(8087, 80, { hostIp: '::' })];
      expect((await lab.engine.call('probe', both)).map((conflict) => conflict.port?.hostIp)).toEqual(['::']);
    });

    it('are closed to other programs on the host', async () => {
      await setUp('guarded', { ports: [port(8087, 80)] });
      const listen = lab.run(lab.hostPath(), process.execPath, '-e', 'net.createServer().listen(8087, "0.0.0.0")');
      await expect(listen).rejects.toThrow('EADDRINUSE');
    });
  });

  describe('names', () => {
    it('of services, tasks, slots, aliases and containers resolve on shared networks only', async () => {
      await lab.engine.call('applyNetworks', [assigned('front', '10.81.0.0/24'), assigned('back', '10.82.0.0/24')], []);
      const front = [{ target: 'front', aliases: ['hidden'] }];
      const web = [await setUp('web1', { networks: front }), await setUp('web2', { networks: front })];
      const asker = await setUp('asker', { networks: [{ target: 'front', aliases: ['me'] }] });
      const stranger = await setUp('stranger', { networks: [{ target: 'back', aliases: [] }] });
      await lab.engine.call('applyEndpoints', [service('web', web)]);
      const both = web.map((sandbox) => addressOf(sandbox));
      for (const name of ['web', 'WEB', 'shop_web', 'tasks.web', 'tasks.shop_web', 'web.shop_front', 'hidden']) {
        expect(await query(asker, name, 'A'), name).toMatchObject({ rcode: 'NOERROR', data: both });
      }
      expect(await query(asker, 'shop_web.2', 'A')).toMatchObject({ data: [both[1]] });
      expect(await query(asker, 'shop_web.1.task0', 'A')).toMatchObject({ data: [both[0]] });
      expect(await query(asker, 'me', 'A', 'tcp')).toMatchObject({ data: [addressOf(asker)] });
      expect(await query(asker, 'web', 'AAAA')).toMatchObject({ rcode: 'NOERROR', data: [] });
      expect(await query(asker, '2.0.81.10.in-addr.arpa', 'PTR')).toMatchObject({
        data: ['shop_web.1.task0.shop_front'],
      });
      expect(await query(stranger, 'web', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
      await lab.engine.call('applyEndpoints', [service('web', web.slice(0, 1))]);
      expect(await query(asker, 'web', 'A')).toMatchObject({ data: [both[0]] });
    });

    it('of the world come from the name servers of the host', async () => {
      const sandbox = await setUp('curious');
      expect(await query(sandbox, 'small.example', 'A')).toMatchObject({ rcode: 'NOERROR', data: ['192.0.2.1'] });
      expect(await query(sandbox, 'none.example', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
      expect(await query(sandbox, 'broken.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
      expect(await query(sandbox, 'large.example', 'A', 'udp')).toMatchObject({ truncated: true });
      const large = await query(sandbox, 'large.example', 'A', 'tcp');
      expect(large.data).toHaveLength(60);
    });

    it('of the world are not for containers on internal networks only', async () => {
      await lab.engine.call('applyNetworks', [assigned('inner', '10.83.0.0/24', { internal: true })], []);
      const sandbox = await setUp('inner', { networks: [{ target: 'inner', aliases: [] }] });
      expect(await query(sandbox, 'small.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
      expect(await query(sandbox, 'inner', 'A')).toMatchObject({ data: [addressOf(sandbox)] });
    });

    it('of the world come from the name servers of the container when it has its own', async () => {
      const sandbox = await setUp('own', { dns: ['198.51.100.77'] });
      expect(await query(sandbox, 'small.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
    });
  });

  describe('answers', () => {
    it('for a container that has gone meanwhile harm nobody', async () => {
      const silent = { dns: ['198.51.100.77'] };
      const gone = await setUp('gone', silent);
      await sendQuery(gone, 'small.example');
      await tearDown('gone');
      // Asked later, it is answered later.
      const other = await setUp('other', silent);
      expect(await query(other, 'small.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
    });
  });

  describe('after kill -9', () => {
    it('flows go on, and everything is as before', async () => {
      const web = await setUp('web', { ports: [port(0, 80), port(8089, 81)] });
      const gone = await setUp('gone');
      const published = web.ports[0]?.publishedPort ?? 0;
      await lab.serve(web, 80, 'web');
      const connection = await lab.echo(web, 81, lab.neighbourPath());
      expect(await connection.ask('one')).toBe('one');
      await lab.engine.kill();
      expect(await connection.ask('two')).toBe('two');
      expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, published)).toMatch(/^web /);
      live.delete('gone');
      await lab.startEngine([...live]);
      expect(await connection.ask('three')).toBe('three');
      expect(await setUp('web', { ports: [port(0, 80), port(8089, 81)] })).toEqual(web);
      expect(await query(web, 'web', 'A')).toMatchObject({ data: [addressOf(web)] });
      expect(await query(web, 'gone', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
      expect(await lab.run(lab.hostPath(), 'ip', '-o', 'link', 'show', 'type', 'veth')).toMatch(
        /^[^\n]*eth0[^\n]*\n[^\n]*\n$/,
      );
      expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(gone.netnsPath);
      const conflicts = await lab.engine.call('probe', [port(published, 80)]);
      expect(conflicts.map(({ holder }) => holder)).toEqual(['container web']);
    });

    it('services go on being published before the cluster has said anything', async () => {
      const replica = await setUp('replica');
      await lab.serve(replica, 80, 'replica');
      const ingress = port(8090, 80, { mode: PublishMode.INGRESS });
      await lab.engine.call('applyEndpoints', [service('web', [replica], [ingress])]);
      await lab.startEngine([...live]);
      expect(await lab.ask(lab.hostPath(), '127.0.0.1', 8090)).toMatch(/^replica /);
      expect(await query(replica, 'shop_web', 'A')).toMatchObject({ data: [addressOf(replica)] });
    });
  });

  describe('under stress', () => {
    it('sets up many containers at once, each with an address of its own', async () => {
      const ids = Array.from({ length: 20 }, (_, index) => `many${index}`);
      const sandboxes = await Promise.all(ids.map((id) => setUp(id, { ports: [port(0, 80)] })));
      expect(new Set(sandboxes.map((sandbox) => addressOf(sandbox))).size).toBe(ids.length);
      expect(new Set(sandboxes.map(({ ports }) => ports[0]?.publishedPort)).size).toBe(ids.length);
      await Promise.all(ids.map(tearDown));
    });

    it('leaves nothing of a set-up that fails', async () => {
      await setUp('holder', { ports: [port(8096, 80)] });
      const links = await lab.run(lab.hostPath(), 'ip', '-o', 'link');
      const failed = setUp('failed', { ports: [port(8095, 80), port(8096, 80)] });
      await expect(failed).rejects.toMatchObject({ code: 'PORT_IN_USE' });
      await lab.engine.call('applyNetworks', [], []);
      expect(await lab.run(lab.hostPath(), 'ip', '-o', 'link')).toBe(links);
      expect(await lab.engine.call('probe', [port(8095, 80)])).toEqual([]);
      expect(await lab.run(lab.hostPath(), 'nft', 'list', 'ruleset')).not.toContain('8095');
    });

    it('leaves nothing of set-ups that are killed on their way', async () => {
      const before = await lab.run(lab.hostPath(), 'ip', '-o', 'link', 'show', 'type', 'veth');
      for (let round = 0; round < 3; round += 1) {
        const first = lab.engine.call('setup', sandboxRequest(`killed${round}`));
        const others = Array.from({ length: 10 }, (_, index) =>
          lab.engine.call('setup', sandboxRequest(`killed${round}.${index}`)),
        );
        const all = Promise.allSettled([first, ...others]);
        await first;
        await lab.engine.kill();
        await all;
        await lab.startEngine([]);
      }
      expect(await lab.run(lab.hostPath(), 'ip', '-o', 'link', 'show', 'type', 'veth')).toBe(before);
      expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(lab.directory);
      expect(readdirSync(join(lab.directory, 'exec/files')).filter((id) => id.startsWith('killed'))).toEqual([]);
    });

    it('gives a container its address and port back after a reboot', async () => {
      const request = { ports: [port(0, 80)] };
      const sandbox = await setUp('stopped', request);
      await lab.engine.call('shutdown');
      await lab.startEngine([...live]);
      await setUp('newcomer');
      expect(await setUp('stopped', request)).toEqual(sandbox);
      expect(await lab.ping(await setUp('newcomer'), 'stopped')).toContain('1 packets received');
    });
  });

  it('leaves nothing after shutdown', async () => {
    await lab.engine.call('applyNetworks', [assigned('left', '10.91.0.0/24')], []);
    await setUp('left', { ports: [port(8099, 80)], networks: [{ target: 'left', aliases: [] }] });
    live.clear();
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    await lab.startEngine([]);
  });
});
