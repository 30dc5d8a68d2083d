/** Nodes as `node ls` lists them. */
import { type Node, NodeAvailability, NodeRole, NodeState } from '../../../proto/generated/gantry/v1/types.ts';
import type { Listing } from '../listing.ts';
import type { Fields } from '../template/values.ts';

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
  readonly leaderId: string;
  /** The node that answered. */
  readonly selfId: string;
}

export function nodeRow(node: Node, { leaderId, selfId }: NodeContext): Fields {
  return {
    Availability: availabilityName(node.spec?.availability ?? NodeAvailability.ACTIVE),
    EngineVersion: node.description?.engineVersion ?? '',
    Hostname: node.description?.hostname ?? node.spec?.annotations?.name ?? '',
    ID: node.id,
    ManagerStatus: managerStatus(node, leaderId),
    Self: node.id === selfId,
    Status: stateName(node.status?.state ?? NodeState.UNKNOWN),
    TLSStatus: '',
  };
}

function managerStatus(node: Node, leaderId: string): string {
  if (node.id === leaderId) return 'Leader';
  if (node.spec?.role !== NodeRole.MANAGER) return '';
  return node.status?.state === NodeState.READY ? 'Reachable' : 'Unreachable';
}

function stateName(state: NodeState): string {
  if (state === NodeState.READY) return 'Ready';
  return state === NodeState.DOWN ? 'Down' : 'Unknown';
}

function availabilityName(availability: NodeAvailability): string {
  if (availability === NodeAvailability.PAUSE) return 'Pause';
  return availability === NodeAvailability.DRAIN ? 'Drain' : 'Active';
}
