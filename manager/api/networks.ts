/** NetworkCreate and NetworkRemove: networks of no stack, which stacks name as external and services by --network. */
import { GantryError } from '../../proto/errors.ts';
import type {
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkRemoveRequest,
  NetworkRemoveResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import type { NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { HOST_NETWORKS } from '../../proto/host-networks.ts';
import { newObjectId } from '../../proto/ids.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import { subnetOf } from '../allocator/lan-addresses.ts';
import { allocateSubnet6 } from '../allocator/subnets6.ts';
import type { NetworkObject } from '../store/network.ts';
import { completeAnnotations, NO_META } from '../store/object-type.ts';
import { serviceName, usedIds } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { refuseTooFewBlocks } from './address-room.ts';
import { awaitConfig } from './config-wait.ts';
import type { ApiContext } from './context.ts';
import { checkEncrypted } from './encrypted-networks.ts';
import { checkKnowsNetworks } from './known-format.ts';
import { checkHasPlace, checkMacvlanSpec } from './macvlan-networks.ts';
import { checkOnNodes, refuseAttached } from './network-probe.ts';
import { resolve } from './references.ts';
import { checkName } from './stack-validation.ts';

/** Asks the nodes before, so that what can't be on one of them is refused as a whole. */
export async function networkCreate(
  context: ApiContext,
  { spec }: NetworkCreateRequest,
  signal: AbortSignal,
): Promise<NetworkCreateResponse> {
  const complete = validate(spec);
  if (complete.configFrom !== '') await awaitConfig(context.store, complete.configFrom, signal);
  const id = newObjectId(context.random);
  const { name } = complete.annotations;
  const plan = (read: ReadTransaction) => {
    const networks = read.find('network', { by: 'all' });
    const nodes = read.find('node', { by: 'all' });
    const hostAddresses = nodes.map((node) => node.status.address);
    const subnet = subnetOf(complete, { networks, nodes });
    const subnet6 = allocateSubnet6(name, complete, subnet, { networks, hostAddresses, seed: id });
    return { id, spec: complete, ...subnet, ...subnet6, blocks: [], pendingDelete: false, vni: 0 };
  };
  const draft = context.store.view((read) => {
    refuseTaken(read, name);
    const nodes = read.find('node', { by: 'all' });
    checkKnowsNetworks(read, [complete]);
    checkEncrypted([{ spec: complete }], nodes);
    const network = { ...plan(read), meta: NO_META };
    checkHasPlace([network], nodes);
    refuseTooFewBlocks(read, network);
    return network;
  });
  await checkOnNodes(context, [draft], signal);
  return context.store.update((tx) => {
    refuseTaken(tx, name);
    tx.create('network', plan(tx));
    return { id };
  });
}

/** It goes from the nodes at once. Throws NOT_FOUND, IN_USE naming who is on it. */
export async function networkRemove(
  context: ApiContext,
  { references }: NetworkRemoveRequest,
  signal: AbortSignal,
): Promise<NetworkRemoveResponse> {
  for (const reference of references) {
    const network = context.store.view((read) => unused(read, reference));
    await refuseAttached(context, network, signal);
    await context.store.update((tx) => {
      const present = unused(tx, network.id);
      if (!present.pendingDelete) tx.update('network', { ...present, pendingDelete: true });
    });
  }
  return {};
}

function validate(given: NetworkSpec | undefined): NetworkObject['spec'] {
  if (given === undefined) throw new GantryError('INVALID_ARGUMENT', 'create a network: the request has none');
  const spec = { ...given, annotations: completeAnnotations(given.annotations), driver: given.driver || 'overlay' };
  const { name } = spec.annotations;
  checkName('network', name);
  if (HOST_NETWORKS.has(name) || name === INGRESS_NETWORK || name === 'default') {
    throw new GantryError('INVALID_ARGUMENT', `network ${name} is there by itself`, { hint: 'choose another name' });
  }
  if (spec.driver !== 'overlay' && !isMacvlan(spec)) {
    throw new GantryError('UNSUPPORTED', `network ${name}: driver "${spec.driver}" is not one of the cluster's`, {
      hint: "use overlay or macvlan; 'gantry network create' without -d makes a network of one host",
    });
  }
  checkMacvlanSpec(spec);
  return spec;
}

function refuseTaken(read: ReadTransaction, name: string): void {
  if (read.find('network', { by: 'name', value: name }).length === 0) return;
  throw new GantryError('ALREADY_EXISTS', `network with name ${name} already exists`, {
    hint: `'gantry network inspect ${name}' shows it; choose another name, or remove that one`,
  });
}

function unused(read: ReadTransaction, reference: string): NetworkObject {
  const network = resolve(read, 'network', reference);
  const users = read
    .find('service', { by: 'uses', value: network.id })
    .filter((service) => !service.pendingDelete && usedIds(service.spec.task).includes(network.id));
  if (users.length === 0) return network;
  throw new GantryError(
    'IN_USE',
    `network ${network.spec.annotations.name} is used by ${users.map(serviceName).join(', ')}`,
    { hint: `remove ${users.length === 1 ? 'that service' : 'those services'} first, or take it off the network` },
  );
}
