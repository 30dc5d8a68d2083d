/** Nodes that don't say whether they have what a stack's services mount: that isn't the same as not having it. */
import { expect, it } from 'vitest';
import { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { MountType, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { agent, deploy, host, manager, useManager, waitFor } from '../manager-fixture.testing.ts';
import { node, serviceSpec } from '../objects.testing.ts';

useManager();

function stackWith(source: string): StackSpec {
  const base = serviceSpec('s_web');
  const mounts = [{ type: MountType.BIND, source, target: '/data' }];
  const service = ServiceSpec.fromPartial({
    ...base,
    task: { ...base.task, container: { ...base.task?.container, mounts } },
  });
  return StackSpec.fromPartial({ name: 's', services: [service] });
}

const nodesWith = (source: string) =>
  manager.store.view((read) => {
    const [service] = read.find('service', { by: 'name', value: 's_web' });
    return service?.sources?.sources.find((one) => one.source === source)?.nodeIds;
  });

/** The node's session has begun. */
async function allAnswer(): Promise<void> {
  agent.sources.add('/srv/here');
  await waitFor(async () => {
    expect((await deploy(stackWith('/srv/here'), { dryRun: true })).unknownSources).toEqual([]);
  });
}

it('are named, with what the others have', async () => {
  await allAnswer();
  await manager.store.update((tx) => tx.create('node', node('silent')));
  const told = (source: string) => deploy(stackWith(source), { dryRun: true });
  expect((await told('/srv/here')).unknownSources).toMatchObject([
    { service: 's_web', source: '/srv/here', foundOn: [expect.any(String)], silent: ['silent'] },
  ]);
  expect((await told('/srv/nowhere')).unknownSources).toMatchObject([{ foundOn: [], silent: ['silent'] }]);
});

it('have what they had when they last said so', async () => {
  await allAnswer();
  await deploy(stackWith('/srv/here'));
  expect(nodesWith('/srv/here')).toEqual([host.nodeId]);
  await agent.disconnect();
  expect((await deploy(stackWith('/srv/here'))).changes.map(({ change }) => change)).toEqual([0]);
  expect(nodesWith('/srv/here')).toEqual([host.nodeId]);
});
