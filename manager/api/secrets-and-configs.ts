/** SecretCreate, SecretRemove, ConfigCreate, ConfigRemove: secrets and configs of no stack, which stacks name as external. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ConfigCreateRequest,
  ConfigCreateResponse,
  ConfigRemoveRequest,
  ConfigRemoveResponse,
  SecretCreateRequest,
  SecretCreateResponse,
  SecretRemoveRequest,
  SecretRemoveResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import type { ConfigSpec, SecretSpec } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../proto/ids.ts';
import { completeAnnotations } from '../store/object-type.ts';
import { serviceName, usedIds } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { ApiContext } from './context.ts';
import { checkStateFormat } from './known-format.ts';
import { resolve } from './references.ts';
import { checkTemplates } from './stack-templates.ts';
import { checkName } from './stack-validation.ts';

/** As in stacks. */
const MAX_CONTENT_BYTES = 1024 * 1024;

type FileKind = 'secret' | 'config';

export function secretCreate(context: ApiContext, { spec }: SecretCreateRequest): Promise<SecretCreateResponse> {
  return create(context, 'secret', spec);
}

export function configCreate(context: ApiContext, { spec }: ConfigCreateRequest): Promise<ConfigCreateResponse> {
  return create(context, 'config', spec);
}

export function secretRemove(context: ApiContext, request: SecretRemoveRequest): Promise<SecretRemoveResponse> {
  return remove(context, 'secret', request.references);
}

export function configRemove(context: ApiContext, request: ConfigRemoveRequest): Promise<ConfigRemoveResponse> {
  return remove(context, 'config', request.references);
}

function create(
  { store, random }: ApiContext,
  kind: FileKind,
  given: SecretSpec | ConfigSpec | undefined,
): Promise<{ id: string }> {
  if (given === undefined) throw new GantryError('INVALID_ARGUMENT', `create a ${kind}: the request has none`);
  const spec = { ...given, annotations: completeAnnotations(given.annotations) };
  const alone = { services: [], secrets: kind === 'secret' ? [spec] : [], configs: kind === 'config' ? [spec] : [] };
  const { name } = spec.annotations;
  checkName(kind, name);
  if (spec.data.length > MAX_CONTENT_BYTES) {
    throw new GantryError('INVALID_ARGUMENT', `${kind} ${name} has ${spec.data.length} bytes`, {
      hint: `at most ${MAX_CONTENT_BYTES} are allowed`,
    });
  }
  checkTemplates(alone);
  return store.update((tx) => {
    checkStateFormat(tx, alone);
    const { id } = tx.create(kind, { id: newObjectId(random), spec, pendingDelete: false });
    return { id };
  });
}

/** It goes with the last task of a service that has been removed. */
function remove({ store }: ApiContext, kind: FileKind, references: readonly string[]): Promise<Record<string, never>> {
  return store.update((tx) => {
    for (const reference of references) {
      const object = resolve(tx, kind, reference);
      refuseUsed(tx, kind, object);
      if (!object.pendingDelete) tx.update(kind, { ...object, pendingDelete: true });
    }
    return {};
  });
}

function refuseUsed(
  read: ReadTransaction,
  kind: FileKind,
  { id, spec }: { readonly id: string; readonly spec: { readonly annotations: { readonly name: string } } },
): void {
  const users = read
    .find('service', { by: 'uses', value: id })
    .filter((service) => !service.pendingDelete && usedIds(service.spec.task).includes(id));
  if (users.length === 0) return;
  const names = users.map(serviceName).join(', ');
  throw new GantryError('IN_USE', `${kind} ${spec.annotations.name} is used by ${names}`, {
    hint: `remove ${users.length === 1 ? 'that service' : 'those services'} first, or deploy without it`,
  });
}
