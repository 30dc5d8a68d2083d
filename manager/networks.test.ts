/** Networks of no stack, as their users and agents see them. */
import { describe, expect, it } from 'vitest';
import { unary } from '../proto/client.ts';
import {
  type NetworkCreateResponse,
  type NetworkListResponse,
  StackSpec,
} from '../proto/generated/gantry/v1/control.ts';
import { NetworkSpec } from '../proto/generated/gantry/v1/types.ts';
import {
  agent,
  deploy,
  manager,
  scale,
  startAgentAgain,
  tasks,
  useManager,
  waitFor,
} from './manager-fixture.testing.ts';
import { serviceSpec } from './objects.testing.ts';

useManager();

function create(name: string, spec: Partial<NetworkSpec> = {}): Promise<NetworkCreateResponse> {
  const request = { spec: NetworkSpec.fromPartial({ annotations: { name }, driver: 'overlay', ...spec }) };
  return unary((done) => manager.client.networkCreate(request, done));
}

const remove = (...references: string[]) => unary((done) => manager.client.networkRemove({ references }, done));

async function names(): Promise<string[]> {
  const { networks } = await unary<NetworkListResponse>((done) => manager.client.networkList({}, done));
  return networks.map(({ spec }) => spec?.annotations?.name ?? '');
}

describe('a network of no stack', () => {
  it('gives each node addresses when it is attachable, whoever comes and goes, and none otherwise', async () => {
    const wide = await create('wide', { attachable: true });
    await create('plain');
    await waitFor(() => expect([...agent.networks.keys()]).toEqual([wide.id]));
    await agent.disconnect();
    startAgentAgain();
    await waitFor(() => expect([...agent.networks].map(([id, blocks]) => [id, blocks.length])).toEqual([[wide.id, 1]]));
    await remove('wide', 'plain');
    await waitFor(async () => expect([agent.networks.size, await names()]).toEqual([0, []]));
  });

  it('has room for what is deployed on it, or nothing of that is made', async () => {
    await create('tight', { subnet: '10.60.0.0/16', ipRange: '10.60.4.0/29' });
    const spec = (name: string, replicas: number) => serviceSpec(name, { networks: ['tight'], replicas });
    const start = (name: string, replicas: number) =>
      unary((done) => manager.client.serviceCreate({ spec: spec(name, replicas) }, done));
    await expect(start('many', 8)).rejects.toMatchObject({
      code: 'EXHAUSTED',
      message: 'network tight: IP range 10.60.4.0/29 has 8 addresses, and its services need 9',
      hint: expect.stringContaining('larger IP range'),
    });
    await start('few', 3);
    await expect(scale({ few: 8 })).rejects.toMatchObject({ code: 'EXHAUSTED' });
    const services = [spec('other', 2), spec('third', 1)];
    await expect(deploy(StackSpec.fromPartial({ name: 'shop', services }))).rejects.toMatchObject({
      code: 'EXHAUSTED',
    });
    expect(tasks().map(({ serviceName }) => serviceName)).not.toContain('other');
    await scale({ few: 1 });
  });

  it.each([
    [{ subnet: '10.60.0.0/16', ipRange: '10.61.0.0/24' }, 'INVALID_ARGUMENT', 'is no part of'],
    [{ subnet: '10.60.0.0/16', ipRange: '10.60.0.0/30' }, 'INVALID_ARGUMENT', 'too small'],
    [{ ipRange: '10.60.0.0/24' }, 'INVALID_ARGUMENT', 'no subnet'],
  ])('is refused with the range of %j', async (spec, code, message) => {
    await expect(create('ranged', spec)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  const hasLinks = () => {
    const nodes = manager.store.view((read) => read.find('node', { by: 'all' }));
    expect(nodes.map(({ description }) => description.links)).toEqual([['eth0']]);
  };
  const LAN = { driver: 'macvlan', subnet: '10.60.0.0/24', ipRange: '10.60.0.32/29', driverOpts: { parent: 'eth0' } };

  it('is on a LAN with an address for each task, and with none for the service', async () => {
    await waitFor(hasLinks);
    const lan = await create('lan', LAN);
    await expect(create('other', { ...LAN, driverOpts: { parent: 'eth9' } })).rejects.toMatchObject({
      code: 'IN_USE',
    });
    const spec = serviceSpec('web', { networks: ['lan'], replicas: 7 });
    const start = () => unary((done) => manager.client.serviceCreate({ spec }, done));
    await start();
    await scale({ web: 8 });
    await expect(scale({ web: 9 })).rejects.toMatchObject({ code: 'EXHAUSTED' });
    await waitFor(() => expect(agent.networks.get(lan.id)).toHaveLength(8));
    await scale({ web: 0 });
  });

  it('is refused on a LAN where no node is', async () => {
    await waitFor(hasLinks);
    await expect(create('lan', { ...LAN, driverOpts: { parent: 'eth9' } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('no link eth9 for macvlan network lan, but eth0'),
    });
    expect(await names()).toEqual([]);
  });

  it('is refused by name, driver and subnet, and then isn’t there', async () => {
    await create('wide', { subnet: '10.50.0.0/16' });
    await expect(create('wide')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(create('host')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create('a b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create('net', { driver: 'ipvlan' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(create('net', { driverOpts: { encrypted: '' } })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(create('net', { subnet: '10.50.4.0/24' })).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(create('net', { subnet: '10.51.0.0/16', gateway: '10.52.0.1' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(remove('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await names()).toEqual(['wide']);
  });
});
