/** Why something can't be done with this node's part in a cluster, and what to do instead. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Membership } from './membership.ts';

export function notInCluster(): GantryError {
  return new GantryError('NOT_IN_CLUSTER', 'this node is not in a cluster', {
    hint: 'make one with "gantry cluster init", or join one with "gantry cluster join"',
  });
}

export function notAManager({ managers }: Membership): GantryError {
  const where = managers.map(({ address }) => address.replace(/:\d+$/, '')).join(', ');
  return new GantryError(
    'NOT_A_MANAGER',
    'this node is a worker: it knows its own containers, and nothing of the cluster',
    {
      hint: `run the command on a manager (${where}), or make this node one there with "gantry node promote"`,
    },
  );
}

export function managerStays({ nodeId, managers }: Membership): GantryError {
  if (managers.every((manager) => manager.nodeId === nodeId)) {
    return new GantryError('WRONG_STATE', "cannot leave: this node is the cluster's only manager", {
      hint: 'all of its services, secrets and networks go with it; to do so, use --force',
    });
  }
  return new GantryError('WRONG_STATE', 'cannot leave: this node is a manager', {
    hint: 'demote it first with "gantry node demote", or use --force',
  });
}

/** The node has its certificate and doesn't give up: neither need the user. */
export function goesOnTrying(error: unknown): never {
  const { message } = toGantryError(error);
  throw new GantryError('UNAVAILABLE', `this node is in the cluster now, but ${message}`, {
    hint: 'it goes on trying; see "gantry info", and undo it with "gantry cluster leave --force"',
    cause: error,
  });
}
