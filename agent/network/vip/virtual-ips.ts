/** Keeps the kernel's rules for services' own addresses as the model says. */
import type { HostLinks } from '../host-links.ts';
import { bridgeName } from '../link-names.ts';
import type { NetworkModel } from '../model.ts';
import { runNft } from '../nft.ts';
import { SharedRun } from '../shared-run.ts';
import { renderVipChanges, renderVipRemoval, renderVipTable, type VipRules, vipRules } from './vip-rules.ts';
import { flowsToOthers } from './virtual-service.ts';

export interface VirtualIpParts {
  readonly instance: string;
  readonly model: NetworkModel;
  readonly links: Pick<HostLinks, 'deleteFlows'>;
}

export class VirtualIps {
  readonly #parts: VirtualIpParts;
  readonly #run = new SharedRun(() => this.#syncNow());
  /** What the kernel has; undefined when that isn't known. */
  #applied: VipRules | undefined;

  constructor(parts: VirtualIpParts) {
    this.#parts = parts;
  }

  /** Resolves when the rules are as the model says now: no new connection goes to a task that has left. Throws HOST. */
  sync(): Promise<void> {
    return this.#run.request();
  }

  async remove(): Promise<void> {
    this.#applied = undefined;
    await runNft(renderVipRemoval(this.#parts.instance));
  }

  async #syncNow(): Promise<void> {
    const { instance, model, links } = this.#parts;
    const services = model.virtualServices();
    const wanted = vipRules(
      services.map(({ networkId, address, targets }) => ({
        bridge: bridgeName(instance, networkId),
        address,
        targets,
      })),
    );
    const before = this.#applied;
    // Until it has worked, nobody knows what is there.
    this.#applied = undefined;
    const text = before === undefined ? renderVipTable(instance, wanted) : renderVipChanges(instance, before, wanted);
    if (text !== '') await runNft(text);
    this.#applied = wanted;
    if (before === undefined || loses(before, wanted)) {
      await links.deleteFlows((flows) => flowsToOthers(flows, services));
    }
  }
}

/** Whether any task is sent nothing more by its service's address. */
function loses(before: VipRules, after: VipRules): boolean {
  return [...before].some(([key, { targets }]) => {
    const now = after.get(key)?.targets ?? [];
    return targets !== now && targets.some((target) => !now.includes(target));
  });
}
