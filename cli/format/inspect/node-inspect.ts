/** A node in the form of `docker node inspect`, and its --pretty text. */
import type { ManagerStatus } from '../../../proto/generated/gantry/v1/control.ts';
import { type Node, NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { genericResourceTexts } from '../../../proto/generic-resource.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { rfc3339 } from '../duration.ts';
import { availabilityName, stateName } from '../rows/node-row.ts';
import { binarySize } from '../size.ts';
import { genericResourceFields } from './generic-resource-fields.ts';
import { stringMap } from './inspect-values.ts';

export interface InspectedNode {
  readonly node: Node;
  readonly manager: ManagerStatus | undefined;
}

export function inspectNode({ node, manager }: InspectedNode): Fields {
  const { spec, description, status, meta } = node;
  return {
    ID: node.id,
    Version: { Index: meta?.version ?? 0 },
    CreatedAt: rfc3339(meta?.createdAtMs ?? 0),
    UpdatedAt: rfc3339(meta?.updatedAtMs ?? 0),
    Spec: {
      Labels: stringMap(spec?.annotations?.labels),
      Role: spec?.role === NodeRole.MANAGER ? 'manager' : 'worker',
      Availability: availability(node).toLowerCase(),
    },
    Description: {
      Hostname: description?.hostname ?? '',
      Platform: { Architecture: description?.platform?.architecture ?? '', OS: description?.platform?.os ?? '' },
      Resources: {
        NanoCPUs: description?.resources?.nanoCpus ?? 0,
        MemoryBytes: description?.resources?.memoryBytes ?? 0,
        ...genericResourceFields(description?.genericResources ?? []),
      },
      Engine: { EngineVersion: description?.engineVersion ?? '', Labels: stringMap(description?.engineLabels) },
    },
    Status: { State: state(node).toLowerCase(), Message: status?.message ?? '', Addr: status?.address ?? '' },
    ...(manager === undefined ? {} : { ManagerStatus: managerFields(manager) }),
  };
}

function managerFields({ leader, address, ...manager }: ManagerStatus): Fields {
  return {
    ...(leader ? { Leader: true } : {}),
    Reachability: reachability(manager),
    Addr: address,
  };
}

/** Of one that is still catching up Docker's word for what counts for nothing. */
function reachability({ voter, reachable }: Pick<ManagerStatus, 'voter' | 'reachable'>): string {
  if (!voter) return 'unknown';
  return reachable ? 'reachable' : 'unreachable';
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Lines of "Name: value", only those that say something. */
export function prettyNode({ node, manager }: InspectedNode): string {
  const { spec, description, status, meta } = node;
  const lines: string[] = [];
  const line = (name: string, value: string | undefined, indent = 0) => {
    if (value !== undefined && value !== '') lines.push(`${' '.repeat(indent)}${name}:\t${value}`);
  };
  line('ID', node.id);
  const labels = Object.entries(spec?.annotations?.labels ?? {});
  if (labels.length > 0) lines.push('Labels:', ...labels.sort().map(([key, value]) => ` - ${key}=${value}`));
  line('Hostname', description?.hostname);
  line('Joined at', rfc3339(meta?.createdAtMs ?? 0));
  lines.push('Status:');
  line('State', state(node), 1);
  line('Message', status?.message, 1);
  line('Availability', availability(node), 1);
  line('Address', status?.address, 1);
  if (manager !== undefined) {
    lines.push('Manager Status:');
    line('Address', manager.address, 1);
    line('Raft Status', capitalized(reachability(manager)), 1);
    line('Leader', manager.leader ? 'Yes' : 'No', 1);
  }
  lines.push('Platform:');
  line('Operating System', description?.platform?.os, 1);
  line('Architecture', description?.platform?.architecture, 1);
  lines.push('Resources:');
  line('CPUs', String((description?.resources?.nanoCpus ?? 0) / 1e9), 1);
  line('Memory', binarySize(description?.resources?.memoryBytes ?? 0), 1);
  const generic = (description?.genericResources ?? []).flatMap(genericResourceTexts);
  if (generic.length > 0) lines.push(' Generic Resources:', ...generic.map((text) => `  - ${text}`));
  line('Engine Version', description?.engineVersion);
  return `${lines.join('\n')}\n`;
}

function state({ status }: Node): string {
  return status === undefined ? 'Unknown' : stateName(status.state);
}

function availability({ spec }: Node): string {
  return availabilityName(spec?.availability ?? 0);
}
