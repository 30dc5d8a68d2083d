/** Nodes as `node ls` lists them. */
import type { ManagerStatus } from '../../../proto/generated/gantry/v1/control.ts';
import { type Node, NodeAvailability, NodeState, type NodeTls } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import type { Listing } from '../listing.ts';

export const NODE_LISTING: Listing = {
  headings: {
    ID: 'ID',
    Hostname: 'HOSTNAME',
    Status: 'STATUS',
    Availability: 'AVAILABILITY',
    ManagerStatus: 'MANAGER STATUS',
    EngineVersion: 'ENGINE VERSION',
    // Empty, so that the heading has no star.
    Self: '',
  },
  defaultTable:
    '{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t{{.Availability}}\t{{.ManagerStatus}}\t{{.EngineVersion}}',
  quietField: 'ID',
};

export interface NodeContext {
  readonly managers: readonly ManagerStatus[];
  /** The node that the command line talks to. */
  readonly selfId: string;
  /** Digest of the root that all are to trust; empty: unknown. */
  readonly desiredRoot: string;
}

export function nodeRow(node: Node, { managers, selfId, desiredRoot }: NodeContext): Fields {
  return {
    Availability: availabilityName(node.spec?.availability ?? NodeAvailability.ACTIVE),
    EngineVersion: node.description?.engineVersion ?? '',
    Hostname: node.description?.hostname ?? node.spec?.annotations?.name ?? '',
    ID: node.id,
    ManagerStatus: managerStatus(managers.find(({ nodeId }) => nodeId === node.id)),
    Self: node.id === selfId,
    Status: stateName(node.status?.state ?? NodeState.UNKNOWN),
    TLSStatus: tlsStatus(node.description?.tls, desiredRoot),
  };
}

/** In Docker's words; "Needs Rotation" while its certificate, or whom it trusts, isn't what the cluster wants. */
function tlsStatus(tls: NodeTls | undefined, desiredRoot: string): string {
  if (tls === undefined || desiredRoot === '') return 'Unknown';
  const { issuer, trustedRoots } = tls;
  return issuer === desiredRoot && trustedRoots.every((root) => root === desiredRoot) ? 'Ready' : 'Needs Rotation';
}

/** Of a node that isn't a manager nothing, nor of one that is still catching up: it doesn't count yet. */
function managerStatus(manager: ManagerStatus | undefined): string {
  if (manager === undefined || !manager.voter) return '';
  if (manager.leader) return 'Leader';
  return manager.reachable ? 'Reachable' : 'Unreachable';
}

export function stateName(state: NodeState): string {
  if (state === NodeState.READY) return 'Ready';
  return state === NodeState.DOWN ? 'Down' : 'Unknown';
}

export function availabilityName(availability: NodeAvailability): string {
  if (availability === NodeAvailability.PAUSE) return 'Pause';
  return availability === NodeAvailability.DRAIN ? 'Drain' : 'Active';
}
