/** Whether what a service publishes can be reached at all. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import type { NetworkObject } from '../store/network.ts';
import { type CompleteServiceSpec, hasWayOut } from '../store/service.ts';

/**
 * INVALID_ARGUMENT for a service that publishes ports and is on internal networks only, or goes out by a LAN of its own, on
 * which its tasks aren't behind their hosts. `specOf`: of a network, by its id; undefined: it is no network of the cluster.
 */
export function checkWayOut(
  spec: CompleteServiceSpec,
  specOf: (networkId: string) => NetworkObject['spec'] | undefined,
): void {
  if (spec.ports.length === 0) return;
  const { name } = spec.annotations;
  if (!hasWayOut(spec.task, (id) => specOf(id)?.internal === true)) {
    throw new GantryError('INVALID_ARGUMENT', `service ${name} publishes ports, but its networks are all internal`, {
      hint: "put it on a network that isn't internal, too, or publish nothing",
    });
  }
  const way = spec.task.networks.map(({ target }) => specOf(target)).find((network) => network?.internal !== true);
  if (way === undefined || !isMacvlan(way)) return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `service ${name} publishes ports, but goes out by macvlan network ${way.annotations.name}`,
    {
      hint: 'publish nothing: its tasks have addresses of the LAN there; or name an overlay network before that one',
    },
  );
}
