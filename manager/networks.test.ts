/** Networks of no stack, as their users and agents see them. */
import { describe, expect, it } from 'vitest';
import { unary } from '../proto/client.ts';
import type { NetworkCreateResponse, NetworkListResponse } from '../proto/generated/gantry/v1/control.ts';
import { NetworkSpec } from '../proto/generated/gantry/v1/types.ts';
import { agent, manager, startAgentAgain, useManager, waitFor } from './manager-fixture.testing.ts';

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

  it('is refused by name, driver and subnet, and then isn’t there', async () => {
    await create('wide', { subnet: '10.50.0.0/16' });
    await expect(create('wide')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(create('host')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create('a b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create('net', { driver: 'macvlan' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(create('net', { driverOpts: { encrypted: '' } })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(create('net', { subnet: '10.50.4.0/24' })).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(create('net', { subnet: '10.51.0.0/16', gateway: '10.52.0.1' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(remove('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await names()).toEqual(['wide']);
  });
});
