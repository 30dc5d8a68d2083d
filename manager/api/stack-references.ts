/** Names in a service's spec become ids. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { FileReference, NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import { HOST_NETWORKS } from '../../proto/host-networks.ts';
import { sharedServices } from '../../proto/shared-namespaces.ts';
import type { CompleteServiceSpec } from '../store/service.ts';

export interface Names {
  readonly networks: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, string>;
  readonly configs: ReadonlyMap<string, string>;
  readonly services: ReadonlySet<string>;
}

/** Throws INVALID_ARGUMENT for what isn't defined. */
export function bindReferences(spec: CompleteServiceSpec, names: Names): CompleteServiceSpec {
  const { name } = spec.annotations;
  for (const dependency of spec.dependencies) {
    if (!dependency.optional && !names.services.has(dependency.service))
      throw undefinedReference(name, 'service', dependency.service);
  }
  const unknown = sharedServices(spec.task.container).find((shared) => !names.services.has(shared));
  if (unknown !== undefined) throw undefinedReference(name, 'service', unknown);
  const file = (kind: string, ids: ReadonlyMap<string, string>) => (reference: FileReference) => ({
    ...reference,
    id: idOf(name, kind, ids, reference.id || reference.name),
  });
  return {
    ...spec,
    task: {
      ...spec.task,
      networks: spec.task.networks.map((attachment) => bindNetwork(name, attachment, names.networks)),
      container: {
        ...spec.task.container,
        secrets: spec.task.container.secrets.map(file('secret', names.secrets)),
        configs: spec.task.container.configs.map(file('config', names.configs)),
      },
    },
  };
}

function bindNetwork(
  service: string,
  attachment: NetworkAttachmentConfig,
  networks: ReadonlyMap<string, string>,
): NetworkAttachmentConfig {
  if (HOST_NETWORKS.has(attachment.target) && !networks.has(attachment.target)) return attachment;
  return { ...attachment, target: idOf(service, 'network', networks, attachment.target) };
}

/** `reference`: a name, or an id. */
function idOf(service: string, kind: string, ids: ReadonlyMap<string, string>, reference: string): string {
  const id = ids.get(reference) ?? [...ids.values()].find((known) => known === reference);
  if (id === undefined) throw undefinedReference(service, kind, reference);
  return id;
}

function undefinedReference(service: string, kind: string, reference: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `service ${service} refers to undefined ${kind} "${reference}"`, {
    hint: `define the ${kind} in the stack, or create it first`,
  });
}
