/** Services as `service ls` and `stack services` list them, and stacks as `stack ls` does. */
import type { ServiceSummary } from '../../../proto/generated/gantry/v1/control.ts';
import type { Service } from '../../../proto/generated/gantry/v1/types.ts';
import { withoutLookedUpDigest } from '../../../proto/image-reference.ts';
import type { Fields } from '../../../proto/template/values.ts';
import type { Listing } from '../listing.ts';
import { displayServicePorts } from '../ports.ts';
import { shortId } from '../table.ts';

export const STACK_LABEL = 'com.docker.stack.namespace';

export const SERVICE_LISTING: Listing = {
  headings: {
    ID: 'ID',
    Name: 'NAME',
    Mode: 'MODE',
    Replicas: 'REPLICAS',
    Image: 'IMAGE',
    Ports: 'PORTS',
  },
  defaultTable: '{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}',
  quietField: 'ID',
};

export function serviceRow(summary: ServiceSummary): Fields {
  const { service } = summary;
  return {
    ID: shortId(service?.id ?? ''),
    Image: withoutLookedUpDigest(service?.spec?.task?.container?.image ?? ''),
    Mode: modeName(service),
    Name: serviceName(service),
    Ports: displayServicePorts(service?.ports ?? []),
    Replicas: replicas(summary),
  };
}

export function serviceName(service: Service | undefined): string {
  return service?.spec?.annotations?.name ?? '';
}

export type ModeName = 'global' | 'replicated' | 'replicated job' | 'global job';

export function modeName(service: Service | undefined): ModeName {
  switch (service?.spec?.mode?.$case) {
    case 'global':
      return 'global';
    case 'replicatedJob':
      return 'replicated job';
    case 'globalJob':
      return 'global job';
    default:
      return 'replicated';
  }
}

/** "2/3"; of a job "1/1 (3/5 completed)". */
function replicas({ service, runningTasks, desiredTasks, completedTasks }: ServiceSummary): string {
  const running = `${runningTasks}/${desiredTasks}`;
  const mode = service?.spec?.mode;
  if (mode?.$case === 'replicatedJob') return `${running} (${completedTasks}/${mode.value.totalCompletions} completed)`;
  if (mode?.$case !== 'globalJob') return running;
  return `${running} (${completedTasks}/${completedTasks + desiredTasks} completed)`;
}

export const STACK_LISTING: Listing = {
  headings: { Name: 'NAME', Services: 'SERVICES', Orchestrator: 'ORCHESTRATOR', Namespace: 'NAMESPACE' },
  defaultTable: '{{.Name}}\t{{.Services}}',
  quietField: 'Name',
};

/** One row per stack, by name; services that belong to none are left out. */
export function stackRows(services: readonly ServiceSummary[]): Fields[] {
  const counts = new Map<string, number>();
  for (const { service } of services) {
    const stack = service?.spec?.annotations?.labels[STACK_LABEL];
    if (stack !== undefined) counts.set(stack, (counts.get(stack) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => ({ Name: name, Namespace: '', Orchestrator: 'Swarm', Services: String(count) }));
}
