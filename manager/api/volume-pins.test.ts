/** Services with local volumes, as users and agents see them. */
import { expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import { NodeUpdateRequest, StackSpec, type TaskListResponse } from '../../proto/generated/gantry/v1/control.ts';
import { NodeAvailability, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { agent, deploy, host, manager, running, useManager, waitFor } from '../manager-fixture.testing.ts';
import { node, serviceSpec } from '../objects.testing.ts';
import { SimulatedAgent } from '../simulated-agent.testing.ts';

useManager();

const STACK = StackSpec.fromPartial({ name: 'shop', services: [serviceSpec('shop_db', { volumes: ['shop_data'] })] });

const setAvailability = (availability: NodeAvailability) =>
  unary((done) =>
    manager.client.nodeUpdate(NodeUpdateRequest.fromPartial({ reference: host.nodeId, availability }), done),
  );

/** Why the task that is to run doesn't. */
async function pendingBecause(): Promise<string | undefined> {
  const request = { stack: 'shop', services: [], nodes: [] };
  const { tasks } = await unary<TaskListResponse>((done) => manager.client.taskList(request, done));
  return tasks.find(({ status }) => status?.state === TaskState.PENDING)?.status?.message;
}

const nodeOfTask = () => running('shop_db').map(({ nodeId }) => nodeId);

it('keeps a task where its volume is, says so, and lets it go when the volume has gone', async () => {
  await deploy(STACK);
  await waitFor(() => expect(nodeOfTask()).toEqual([host.nodeId]));
  await manager.store.update((tx) => void tx.create('node', node('other')));
  const other = new SimulatedAgent(host.socketPath, 'other');
  try {
    await setAvailability(NodeAvailability.DRAIN);
    const reason = `no suitable node (1 node: volume shop_data is on node host-${host.nodeId}; 1 node: drained)`;
    await expect.poll(pendingBecause, { timeout: 5000 }).toBe(reason);
    await setAvailability(NodeAvailability.ACTIVE);
    await waitFor(() => expect(nodeOfTask()).toEqual([host.nodeId]));
    await setAvailability(NodeAvailability.DRAIN);
    await expect.poll(pendingBecause, { timeout: 5000 }).toBe(reason);
    agent.reportVolumes(['shop_data']);
    agent.reportVolumes(['another']);
    await waitFor(() => expect(nodeOfTask()).toEqual(['other']));
  } finally {
    await other.disconnect();
  }
});

it('lets it go when the node is removed', async () => {
  await manager.store.update((tx) => void tx.create('node', node('other')));
  await setAvailability(NodeAvailability.DRAIN);
  const other = new SimulatedAgent(host.socketPath, 'other');
  try {
    await deploy(STACK);
    await waitFor(() => expect(nodeOfTask()).toEqual(['other']));
  } finally {
    await other.disconnect();
  }
  await setAvailability(NodeAvailability.ACTIVE);
  await unary((done) => manager.client.nodeRemove({ reference: 'other', force: true }, done));
  await waitFor(() => expect(nodeOfTask()).toEqual([host.nodeId]));
  expect(manager.store.view((read) => read.find('volumePin', { by: 'node', value: 'other' }))).toEqual([]);
});
