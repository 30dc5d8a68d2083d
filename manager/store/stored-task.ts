/** Between a task and its form in the log and in snapshots. */
import type { StoredTask } from '../../proto/generated/gantry/v1/store.ts';
import {
  type GenericResource,
  type PortConfig,
  type TaskAddress,
  TaskSpec,
  type TaskStatus,
} from '../../proto/generated/gantry/v1/types.ts';
import { canonical } from './canonical.ts';
import { completeMeta } from './object-type.ts';
import type { CompleteTaskSpec } from './service.ts';
import type { SharedParts } from './shared-parts.ts';
import { NO_TASK_STATUS, type TaskObject } from './task.ts';

const NO_PORTS: PortConfig[] = [];
const NO_ADDRESSES: TaskAddress[] = [];
const NO_RESOURCES: GenericResource[] = [];
Object.freeze(NO_PORTS);
Object.freeze(NO_ADDRESSES);
Object.freeze(NO_RESOURCES);

/** Of specs that can't change any more. */
const encodedSpecs = new WeakMap<CompleteTaskSpec, Buffer>();

export function toStoredTask(task: TaskObject): StoredTask {
  return { ...task, spec: encodeSpec(task.spec) };
}

/** Unchangeable but for itself. */
export function fromStoredTask(stored: StoredTask, shared: SharedParts): TaskObject {
  return {
    id: stored.id,
    meta: Object.freeze(completeMeta(stored.meta)),
    serviceId: shared.text(stored.serviceId),
    serviceName: shared.text(stored.serviceName),
    slot: stored.slot,
    nodeId: shared.text(stored.nodeId),
    spec: shared.spec(stored.spec),
    specVersion: stored.specVersion,
    desiredState: stored.desiredState,
    status: completeStatus(stored.status, shared),
    ports: stored.ports.length === 0 ? NO_PORTS : canonical(stored.ports),
    serviceLabels: shared.labels(stored.serviceLabels),
    startAfterMs: stored.startAfterMs,
    genericResources: stored.genericResources.length === 0 ? NO_RESOURCES : canonical(stored.genericResources),
    networkTaskId: stored.networkTaskId,
    runsPreStart: stored.runsPreStart,
  };
}

function completeStatus(status: TaskStatus | undefined, shared: SharedParts): TaskStatus {
  if (status === undefined) return NO_TASK_STATUS;
  if (status.addresses.length === 0) status.addresses = NO_ADDRESSES;
  else for (const address of status.addresses) address.networkId = shared.text(address.networkId);
  status.message = shared.text(status.message);
  return canonical(status);
}

function encodeSpec(spec: CompleteTaskSpec): Buffer {
  const known = encodedSpecs.get(spec);
  if (known !== undefined) return known;
  const bytes = TaskSpec.encode(spec).finish();
  // Not copied: as a small Buffer it would share a slab of 64 KiB, and keep all of that.
  const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (Object.isFrozen(spec)) encodedSpecs.set(spec, encoded);
  return encoded;
}
