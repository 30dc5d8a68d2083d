/** `network connect` and `network disconnect`: which networks a container is on, while it runs and from its next start on. */
import { GantryError } from '../../proto/errors.ts';
import type { NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import { specOf } from './assemble.ts';
import { refuseUnattachable } from './attachable.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerContext } from './context.ts';
import { type NetworkMode, networkModeOf } from './network-mode.ts';
import { sandboxRequest } from './networking.ts';

type Attachments = readonly NetworkAttachmentConfig[];

/** NOT_FOUND, ALREADY_EXISTS when it is on it, WRONG_STATE for a container that can't be; and what a set-up throws. */
export function connect(
  context: ContainerContext,
  entry: ContainerEntry,
  attachment: NetworkAttachmentConfig,
): Promise<void> {
  return entry.queue.run(async () => {
    const present = changeableNetworks(entry);
    refuseWord(attachment.target);
    const network = context.networks.find(attachment.target);
    if (present.some(({ target }) => isNetwork(context, target, network.id))) {
      throw new GantryError('ALREADY_EXISTS', `container ${entry.record.name} is already on network ${network.name}`, {
        hint: "'gantry network disconnect' it first to change its address or aliases",
      });
    }
    refuseUnattachable(context, attachment.target);
    context.networks.checkAttachment(attachment);
    await putOn(context, entry, [...present, { ...attachment, target: network.name }]);
  });
}

/** NOT_FOUND, WRONG_STATE when it isn't on it, unless `force`. */
export function disconnect(
  context: ContainerContext,
  entry: ContainerEntry,
  reference: string,
  force: boolean,
): Promise<void> {
  return entry.queue.run(async () => {
    const present = changeableNetworks(entry);
    refuseWord(reference);
    const left = present.filter(({ target }) => !means(context, target, reference));
    if (left.length < present.length) return putOn(context, entry, left);
    if (force) return undefined;
    const { name } = context.networks.find(reference);
    throw new GantryError('WRONG_STATE', `container ${entry.record.name} is not connected to network ${name}`);
  });
}

/** After a start of gantryd: a crash may have come between the sandbox and the record, which is what counts. */
export async function reconnect(context: ContainerContext, entry: ContainerEntry): Promise<void> {
  const mode = networkModeOf(entry.record);
  if (mode.kind !== 'networks') return;
  try {
    const sandbox = await context.networks.reattach(sandboxRequest(entry, specOf(entry), mode));
    if (sandbox !== undefined) entry.record = { ...entry.record, sandbox };
  } catch (error) {
    // It runs; its networks can be changed again.
    context.logger.error({ err: error, ...entry.logFields }, 'container is not on the networks that it should be on');
  }
}

/** The sandbox first: what can't be done isn't written down. */
async function putOn(context: ContainerContext, entry: ContainerEntry, attachments: Attachments): Promise<void> {
  const record = { ...entry.record, networks: attachments };
  if (entry.isActive) {
    const mode = { kind: 'networks', attachments } as const;
    const sandbox = await context.networks.reattach(sandboxRequest({ record }, specOf(entry), mode));
    entry.record = { ...record, sandbox: sandbox ?? entry.record.sandbox };
  } else {
    entry.record = record;
  }
  await context.store.save(entry.record);
}

function changeableNetworks({ record }: ContainerEntry): Attachments {
  if (record.phase === 'removing') {
    throw new GantryError('WRONG_STATE', `container ${record.name} is being removed`);
  }
  if (record.taskId !== '') {
    throw new GantryError('WRONG_STATE', `container ${record.name} is a service's, whose networks are in its spec`, {
      hint: "change them with 'gantry service update --network-add' and '--network-rm'",
    });
  }
  const mode = networkModeOf(record);
  if (mode.kind === 'networks') return mode.attachments;
  throw new GantryError('WRONG_STATE', `container ${record.name} ${WHY_NOT[mode.kind]}`, {
    hint: 'make it anew with --network',
  });
}

const WHY_NOT: Readonly<Record<Exclude<NetworkMode['kind'], 'networks'>, string>> = {
  host: "is in its host's network, and can be on no other",
  none: 'was made with --network none, and can be on no other',
  container: "shares another container's network, and can be on no other",
};

function refuseWord(reference: string): void {
  if (reference !== 'host' && reference !== 'none') return;
  throw new GantryError('WRONG_STATE', `a container can't be connected to or disconnected from network ${reference}`, {
    hint: `make it with --network ${reference}`,
  });
}

function means(context: ContainerContext, target: string, reference: string): boolean {
  // Also a network that is gone by now, by the name that the container has of it.
  if (target === reference) return true;
  const id = idOf(context, reference);
  return id !== undefined && isNetwork(context, target, id);
}

function isNetwork(context: ContainerContext, target: string, networkId: string): boolean {
  return idOf(context, target) === networkId;
}

function idOf(context: ContainerContext, reference: string): string | undefined {
  try {
    return context.networks.find(reference).id;
  } catch (error) {
    if (error instanceof GantryError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
