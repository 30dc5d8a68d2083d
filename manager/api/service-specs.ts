/** ServiceCreate, ServiceUpdate, ServiceRollback: one service at a time, of a stack or of none. */
import { GantryError } from '../../proto/errors.ts';
import {
  ResolveImage,
  type ServiceCreateRequest,
  type ServiceCreateResponse,
  type ServiceRollbackRequest,
  type ServiceRollbackResponse,
  type ServiceUpdateRequest,
  type ServiceUpdateResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type PortConfig, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../proto/ids.ts';
import { allocatePorts } from '../allocator/ports.ts';
import { withImagePlatforms } from '../images/image-platforms.ts';
import { keptCredentials } from '../images/pull-credentials.ts';
import { rolledBack, withSpec } from '../orchestrator/update/spec-change.ts';
import type { NetworkObject } from '../store/network.ts';
import { nodeName } from '../store/node.ts';
import { portsToTake } from '../store/published-ports.ts';
import { sameMessage } from '../store/same-message.ts';
import {
  type Awaiting,
  awaiting,
  type CompleteServiceSpec,
  completeServiceSpec,
  NEVER_UPDATED,
  NOT_STOPPED,
  type ServiceObject,
  usedIds,
} from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { type FoundSources, sourcesOf } from '../volumes/mount-sources.ts';
import { needsOfNetworks, refuseExhausted } from './address-room.ts';
import { refuseSharedNames } from './container-names.ts';
import type { ApiContext } from './context.ts';
import { checkKnowsCredentials, unrecordedImages, withPinnedImages } from './deployed-images.ts';
import { type AddressPlan, checkFixedAddresses } from './fixed-addresses.ts';
import { asFarAsKnown, checkStateFormat } from './known-format.ts';
import { knownPlatforms } from './known-platforms.ts';
import { checkHostPorts, newPorts } from './port-probe.ts';
import { resolve } from './references.ts';
import { live } from './services.ts';
import { findSources } from './source-probe.ts';
import { bindReferences } from './stack-references.ts';
import { checkTemplates } from './stack-templates.ts';
import { checkName, validateService } from './stack-validation.ts';
import { checkWayOut } from './way-out.ts';

/** ALREADY_EXISTS for a name that a service has, INVALID_ARGUMENT for references to nothing, PORT_IN_USE. */
export async function serviceCreate(
  context: ApiContext,
  request: ServiceCreateRequest,
  signal: AbortSignal,
): Promise<ServiceCreateResponse> {
  const spec = validated(request.spec);
  const { resolveImage = ResolveImage.ALWAYS } = request;
  const found = await findSources(context, [spec], signal);
  const plan = (read: ReadTransaction) => {
    const platforms = knownPlatforms(context, read, request.registry);
    const [pinned = spec] = withPinnedImages(context, read, [spec], request);
    return planCreation(read, withImagePlatforms(pinned, undefined, platforms, resolveImage), found);
  };
  await checkHostPorts(
    context,
    context.store.view((read) => portsIn(read, plan(read))),
    signal,
  );
  return context.store.update((tx) => {
    const id = newObjectId(context.random);
    checkStateFormat(tx, { services: [spec], secrets: [], configs: [] });
    checkKnowsCredentials(tx, request);
    const before = needsOfNetworks(tx);
    const service = { id, ...plan(tx), ...NEVER_UPDATED, virtualIps: [], pendingDelete: false };
    tx.create('service', { ...service, pullCredentials: keptCredentials(service, request.registry) });
    refuseExhausted(tx, before);
    return { id, unrecordedImages: unrecordedImages(tx, [service.spec], request) };
  });
}

/** CONFLICT when somebody else has changed the service since it was read. */
export async function serviceUpdate(
  context: ApiContext,
  request: ServiceUpdateRequest,
  signal: AbortSignal,
): Promise<ServiceUpdateResponse> {
  const spec = validated(request.spec);
  const { resolveImage = ResolveImage.ALWAYS } = request;
  const found = await findSources(context, [spec], signal);
  const plan = (read: ReadTransaction) => {
    const [pinned = spec] = withPinnedImages(context, read, [spec], request);
    const platforms = knownPlatforms(context, read, request.registry);
    const base = request.base && completeServiceSpec(request.base);
    const resolved = withImagePlatforms(pinned, base, platforms, resolveImage);
    return planUpdate(read, request, resolved, context.clock.now());
  };
  const ports = context.store.view((read) => {
    const { service, before } = plan(read);
    return newPorts(portsIn(read, service), portsIn(read, before));
  });
  await checkHostPorts(context, ports, signal);
  return context.store.update((tx) => {
    checkStateFormat(tx, { services: [spec], secrets: [], configs: [] });
    checkKnowsCredentials(tx, request);
    const before = needsOfNetworks(tx);
    const { service, before: own } = plan(tx);
    const pullCredentials = keptCredentials(service, request.registry);
    const sources = sourcesOf(spec, found, own.sources);
    tx.update('service', asFarAsKnown(tx, { ...service, pullCredentials, sources }));
    refuseExhausted(tx, before);
    return { unrecordedImages: unrecordedImages(tx, [service.spec], request) };
  });
}

/** Back to what the service was before its last update. WRONG_STATE when it was never updated. */
export function serviceRollback(
  { store, clock }: ApiContext,
  request: ServiceRollbackRequest,
): Promise<ServiceRollbackResponse> {
  const reason = { message: 'manually requested rollback', failedTaskId: '' };
  return store.update((tx) => {
    const service = live(resolve(tx, 'service', request.reference));
    const back = rolledBack(service, othersThan(tx, service), reason, clock.now());
    refuseSharedNames([...namesakes(tx, back.spec, service), back]);
    tx.update('service', back);
    return {};
  });
}

function validated(spec: ServiceSpec | undefined): CompleteServiceSpec {
  if (spec === undefined) throw new GantryError('INVALID_ARGUMENT', 'the request has no service');
  checkName('service', spec.annotations?.name ?? '');
  const valid = completeServiceSpec(validateService(spec));
  checkTemplates({ services: [valid], secrets: [], configs: [] });
  return valid;
}

type NewService = Pick<ServiceObject, 'spec' | 'ports' | 'specVersion' | 'sources'> & Awaiting & typeof NOT_STOPPED;

function planCreation(read: ReadTransaction, raw: CompleteServiceSpec, found: FoundSources): NewService {
  const { name } = raw.annotations;
  if (read.find('service', { by: 'name', value: name }).length > 0) {
    throw new GantryError('ALREADY_EXISTS', `service ${name} already exists`, {
      hint: `change it with "gantry service update ${name}"`,
    });
  }
  const spec = bindReferences(raw, namesIn(read));
  checkWayOut(spec, networkSpecsIn(read));
  refuseSharedNames([...namesakes(read, spec), { spec }]);
  checkFixedAddresses(spec, addressesIn(read));
  const ports = allocatePorts(name, spec.ports, [], read.find('service', { by: 'all' }));
  return { spec, ports, specVersion: 1, sources: sourcesOf(spec, found), ...awaiting(spec), ...NOT_STOPPED };
}

function planUpdate(
  read: ReadTransaction,
  { reference, base }: ServiceUpdateRequest,
  raw: CompleteServiceSpec,
  nowMs: number,
): { readonly service: ServiceObject; readonly before: ServiceObject } {
  const before = live(resolve(read, 'service', reference));
  const { name } = before.spec.annotations;
  if (!sameMessage(ServiceSpec, completeServiceSpec(base), before.spec)) {
    throw new GantryError('CONFLICT', `service ${name} was changed by somebody else meanwhile`, { hint: 'try again' });
  }
  if (raw.annotations.name !== name) {
    throw new GantryError('INVALID_ARGUMENT', `service ${name} can't be renamed`, {
      hint: 'create another one, and remove this one',
    });
  }
  if (raw.mode?.$case !== before.spec.mode?.$case) {
    throw new GantryError('WRONG_STATE', `service ${name} can't change its mode`, {
      hint: 'remove the service first',
    });
  }
  const spec = bindReferences(raw, namesIn(read, before));
  checkWayOut(spec, networkSpecsIn(read));
  refuseSharedNames([...namesakes(read, spec, before), { spec }]);
  checkFixedAddresses(spec, addressesIn(read));
  const ports = allocatePorts(name, spec.ports, before.ports, othersThan(read, before));
  return { service: withSpec(before, spec, ports, nowMs), before };
}

/** `service`: also goes by id what it uses already and another has taken the name of since. */
function namesIn(read: ReadTransaction, service?: ServiceObject) {
  const used = service === undefined ? [] : usedIds(service.spec.task);
  const ids = (kind: 'network' | 'secret' | 'config') => {
    const objects = read.find(kind, { by: 'all' }).filter(({ pendingDelete }) => !pendingDelete);
    const kept = used.filter((id) => read.get(kind, id) !== undefined);
    return new Map([
      ...kept.map((id) => [id, id] as const),
      ...objects.map(({ id, spec }) => [spec.annotations.name, id] as const),
    ]);
  };
  const services = read.find('service', { by: 'all' }).map(({ spec }) => spec.annotations.name);
  return { networks: ids('network'), secrets: ids('secret'), configs: ids('config'), services: new Set(services) };
}

function networkSpecsIn(read: ReadTransaction): (networkId: string) => NetworkObject['spec'] | undefined {
  return (networkId) => read.get('network', networkId)?.spec;
}

function portsIn(read: ReadTransaction, service: Pick<ServiceObject, 'spec' | 'ports'>): PortConfig[] {
  return portsToTake(service, (networkId) => read.get('network', networkId));
}

function addressesIn(read: ReadTransaction): AddressPlan {
  return {
    networkOf: (id) => read.get('network', id),
    services: read.find('service', { by: 'all' }),
    nodeName: (id) => {
      const node = read.get('node', id);
      return node === undefined ? id : nodeName(node);
    },
  };
}

/** Other services, if any could want the same container name. */
function namesakes(read: ReadTransaction, spec: CompleteServiceSpec, own?: ServiceObject): ServiceObject[] {
  if (spec.task.container.containerName === '') return [];
  return read.find('service', { by: 'all' }).filter(({ id, pendingDelete }) => id !== own?.id && !pendingDelete);
}

function othersThan(read: ReadTransaction, service: ServiceObject): ServiceObject[] {
  return read.find('service', { by: 'all' }).filter(({ id }) => id !== service.id);
}
