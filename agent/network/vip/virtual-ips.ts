/** Keeps the kernel's rules for services' own addresses as the model says. */
import type { HostLinks } from '../host-links.ts';
import { bridgeName } from '../link-names.ts';
import type { NetworkModel } from '../model.ts';
import { runNft } from '../nft.ts';
import { OwnTable, type OwnTransactions } from '../own-tables.ts';
import { SharedRun } from '../shared-run.ts';
import {
  renderVipChanges,
  renderVipRemoval,
  renderVipTable,
  type VipRules,
  vipRules,
  vipTableName,
} from './vip-rules.ts';
import { flowsToOthers } from './virtual-service.ts';

export interface VirtualIpParts {
  readonly instance: string;
  readonly model: NetworkModel;
  readonly links: Pick<HostLinks, 'deleteFlows'>;
  readonly transactions: OwnTransactions;
}

export class VirtualIps {
  readonly #parts: VirtualIpParts;
  readonly #run = new SharedRun(() => this.#syncNow());
  /** What the kernel has; undefined when that isn't known. */
  #applied: VipRules | undefined;
  readonly #table: OwnTable;
  /** How often it has been said that somebody else may have changed them. */
  #doubts = 0;
  #restored: readonly string[] = [];

  constructor(parts: VirtualIpParts) {
    this.#parts = parts;
    this.#table = new OwnTable(parts.transactions, vipTableName(parts.instance));
  }

  /** Resolves when the rules are as the model says now: no new connection goes to a task that has left. Throws HOST. */
  sync(): Promise<void> {
    return this.#run.request();
  }

  /** Puts rules back that somebody else has taken away. Returns what that was, in words. Throws HOST. */
  async restore(): Promise<readonly string[]> {
    this.#doubts += 1;
    this.#restored = [];
    await this.#run.request();
    return this.#restored;
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
    await this.#lookIfInDoubt();
    const before = this.#applied;
    // Until it has worked, nobody knows what is there.
    this.#applied = undefined;
    const text = before === undefined ? renderVipTable(instance, wanted) : renderVipChanges(instance, before, wanted);
    if (before === undefined) await this.#table.replace(() => runNft(text));
    else if (text !== '') await this.#table.change(() => runNft(text));
    this.#applied = wanted;
    if (before === undefined || loses(before, wanted)) {
      await links.deleteFlows((flows) => flowsToOthers(flows, services));
    }
  }

  async #lookIfInDoubt(): Promise<void> {
    const isInDoubt = this.#doubts > 0 && this.#applied !== undefined;
    this.#doubts = 0;
    if (!isInDoubt) return;
    const condition = await this.#table.condition();
    if (condition.kind === 'changed') this.#restored = condition.what;
    // All of it is made anew.
    if (condition.kind !== 'intact') this.#applied = undefined;
  }
}

/** Whether any task is sent nothing more by its service's address. */
function loses(before: VipRules, after: VipRules): boolean {
  return [...before].some(([key, { targets }]) => {
    const now = after.get(key)?.targets ?? [];
    return targets !== now && targets.some((target) => !now.includes(target));
  });
}
