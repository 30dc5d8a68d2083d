/** Which containers of this node the cluster has to be told of, so that other nodes know their names. Pure. */
import { AttachedContainer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { NetworkRecord } from './network-record.ts';
import type { SandboxRecord } from './sandbox-record.ts';

/** One for each container that is of no task, and each network of the cluster that it is on. Tasks the cluster knows. */
export function attachedContainers(
  networks: ReadonlyMap<string, Pick<NetworkRecord, 'cluster'>>,
  sandboxes: Iterable<SandboxRecord>,
): AttachedContainer[] {
  return [...sandboxes]
    .filter(({ ready, request }) => ready && request.taskId === '')
    .flatMap(({ request, attachments }) =>
      attachments
        .filter(({ networkId }) => networks.get(networkId)?.cluster === true)
        .map((attachment) =>
          AttachedContainer.create({
            networkId: attachment.networkId,
            containerId: request.containerId,
            names: [...new Set([...request.names, ...attachment.aliases])],
            // What it has of IPv6 follows from it.
            addresses: [attachment.address],
          }),
        ),
    );
}
