/** How long a host's networks take for a container, and for a change of a service's tasks. */

import { HOST_ADDRESS, Lab, sandboxRequest } from '../../../agent/network/testing/lab.ts';
import { AddressBlock, Network, NetworkSpec, ServiceEndpoints } from '../../../proto/generated/gantry/v1/types.ts';
import { median } from '../statistics.ts';

const CONTAINERS = 40;
const CLIENTS = 20;
const TASKS = 100;
const CHANGES = 40;
const OTHER_SERVICES = 50;

export interface SetUpTimes {
  /** Milliseconds, medians. */
  readonly container: number;
  readonly endpoints: number;
}

export async function setUpTimes(): Promise<SetUpTimes> {
  const lab = new Lab();
  try {
    await lab.start();
    await lab.startEngine([]);
    await lab.engine.call('applyNetworks', [overlay()], []);
    for (let client = 0; client < CLIENTS; client += 1) await lab.engine.call('setup', request(`client${client}`));
    const container: number[] = [];
    for (let count = 0; count < CONTAINERS; count += 1) {
      await lab.engine.call('setup', request(`quick${count}`));
      container.push(lab.engine.milliseconds);
      await lab.engine.call('teardown', `quick${count}`);
    }
    const others = Array.from({ length: OTHER_SERVICES }, (_, index) => service(`other${index}`, index + 1, 3, 0));
    const endpoints: number[] = [];
    for (let change = 0; change < CHANGES; change += 1) {
      await lab.engine.call('applyEndpoints', [...others, service('web', 200, TASKS, change)]);
      endpoints.push(lab.engine.milliseconds);
    }
    return { container: median(container), endpoints: median(endpoints) };
  } finally {
    await lab.stop();
  }
}

function overlay() {
  return {
    network: Network.fromPartial({
      id: 'front',
      subnet: '10.81.0.0/16',
      gateway: '10.81.0.1',
      spec: NetworkSpec.fromPartial({ annotations: { name: 'front' }, driver: 'overlay' }),
      blocks: [AddressBlock.fromPartial({ nodeId: 'node', cidr: '10.81.0.0/24' })],
      vni: 5001,
    }),
    blocks: ['10.81.0.0/24'],
    nodeAddress: HOST_ADDRESS,
  };
}

function request(id: string) {
  return sandboxRequest(id, { networks: [{ target: 'front', aliases: [] }] });
}

/** One of its tasks is another one with each `change`. */
function service(name: string, number: number, tasks: number, change: number): ServiceEndpoints {
  return ServiceEndpoints.fromPartial({
    serviceId: name,
    serviceName: `shop_${name}`,
    networks: [{ target: 'front', aliases: [name] }],
    virtualIps: [{ networkId: 'front', address: `10.81.200.${number}` }],
    endpoints: Array.from({ length: tasks }, (_, slot) => ({
      taskId: `${name}${slot === 0 ? change : slot}`,
      slot: slot + 1,
      nodeId: 'other',
      containerName: `shop_${name}.${slot + 1}`,
      addresses: [{ networkId: 'front', address: `10.81.${100 + (slot === 0 ? change % 2 : 2)}.${slot + 1}` }],
    })),
  });
}
