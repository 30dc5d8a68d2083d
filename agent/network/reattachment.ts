/**
 * Puts a container that runs on other networks: links, addresses, routes, names and published ports. After a crash on the
 * way links that aren't in its record are removed by recovery, and the container engine asks for the networks once more.
 */
import type { Logger } from 'pino';
import type { Reassignment } from './attachments.ts';
import type { NetworkModel } from './model.ts';
import type { SandboxRequest } from './networks.ts';
import { isSamePort, type PortReservations } from './port-reservations.ts';
import type { Publishing } from './publishing.ts';
import type { SandboxBuilder } from './sandbox-builder.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import type { NetworkStore } from './store.ts';

export interface ReattachmentParts {
  readonly model: NetworkModel;
  readonly builder: SandboxBuilder;
  readonly store: NetworkStore;
  readonly publishing: Publishing;
  readonly reservations: PortReservations;
  /** The record with the ports that its request asks for, reserved on the host. */
  readonly reservePorts: (record: SandboxRecord) => Promise<SandboxRecord>;
  readonly logger: Logger;
}

/** What fails leaves the sandbox as it was. Throws as `NetworkModel.assign` does, PORT_IN_USE, HOST. */
export async function reattach(
  parts: ReattachmentParts,
  record: SandboxRecord,
  request: SandboxRequest,
): Promise<SandboxRecord> {
  const change = parts.model.reassign(record, request);
  let next = change.next;
  try {
    // Nobody is told of an address before it can be reached.
    await parts.builder.plugIn(record, change.joining);
    await parts.builder.configure(next);
    next = await withPorts(parts, record, next);
    await keep(parts, next);
    await parts.store.writeCursors(parts.model.addresses.cursors());
    await parts.publishing.sync();
    await parts.builder.updateHosts(record, next);
  } catch (error) {
    await undo(parts, record, change);
    throw error;
  }
  await releaseOthers(parts, next);
  await leave(parts, next, change);
  return next;
}

/** A container publishes its ports as long as it is on a network that leads out by way of its host. */
async function withPorts(
  { model, reservePorts }: ReattachmentParts,
  before: SandboxRecord,
  next: SandboxRecord,
): Promise<SandboxRecord> {
  if (!model.publishes(next)) return { ...next, ports: [] };
  const isSame = (record: SandboxRecord) =>
    [model.publishes(record), model.defaultNetwork6(record) !== undefined].join();
  return isSame(before) === isSame(next) ? next : reservePorts(next);
}

/** Ports that the container has held on other networks, or was about to. */
async function releaseOthers({ reservations }: ReattachmentParts, { request, ports }: SandboxRecord): Promise<void> {
  for (const held of reservations.heldBy(request.containerId)) {
    if (!ports.some((port) => isSamePort(port, held))) await reservations.release(request.containerId, held);
  }
}

async function keep({ model, store }: ReattachmentParts, record: SandboxRecord): Promise<void> {
  model.putSandbox(record);
  await store.writeSandbox(record);
}

/** An address is given back only when its link is gone. */
async function leave({ model, builder }: ReattachmentParts, next: SandboxRecord, { leaving }: Reassignment) {
  if (leaving.length === 0) return;
  await builder.unplug({ ...next, attachments: leaving });
  for (const attachment of leaving) model.addresses.free(attachment);
}

async function undo(parts: ReattachmentParts, record: SandboxRecord, { joining, next }: Reassignment): Promise<void> {
  const { model, builder, publishing, logger } = parts;
  try {
    await keep(parts, record);
    await publishing.sync();
    await releaseOthers(parts, record);
    await builder.unplug({ ...record, attachments: joining });
    for (const attachment of joining) model.addresses.free(attachment);
    await builder.configure(record);
    await builder.updateHosts(next, record);
  } catch (error) {
    // What failed first is what the user hears. The next start of the agent removes the links.
    logger.error({ err: error, containerId: record.request.containerId }, 'a container is not back on its networks');
  }
}
