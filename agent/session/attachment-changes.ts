/** What of this host's attached containers a manager doesn't know yet. */
import { AttachedContainer, type NodeAttachments } from '../../proto/generated/gantry/v1/dispatcher.ts';

export class AttachmentChanges {
  /** By ids of network and container, encoded; undefined before anything was told. */
  #told: Map<string, string> | undefined;

  /** What is to be told next; undefined for nothing. From then on it counts as told. */
  take(containers: readonly AttachedContainer[]): NodeAttachments | undefined {
    const told = this.#told;
    const now = new Map(containers.map((container) => [keyOf(container), JSON.stringify(container)]));
    const put = containers.filter((container) => told?.get(keyOf(container)) !== now.get(keyOf(container)));
    const removed = [...(told?.keys() ?? [])].filter((key) => !now.has(key)).map(ofKey);
    this.#told = now;
    if (told !== undefined && put.length + removed.length === 0) return undefined;
    return { complete: told === undefined, put, removed };
  }
}

function keyOf({ networkId, containerId }: AttachedContainer): string {
  return `${networkId} ${containerId}`;
}

function ofKey(key: string): AttachedContainer {
  const [networkId, containerId] = key.split(' ');
  return AttachedContainer.fromPartial({ networkId, containerId });
}
