/** Keeps the kernel's rules for services' own addresses as the model says. */
import type { HostLinks } from '../host-links.ts';
import { bridgeName } from '../link-names.ts';
import type { NetworkModel } from '../model.ts';
import type { Table, TableFamily } from '../netlink/nf-batch.ts';
import { AF_INET, AF_INET6 } from '../netlink/nf-table.ts';
import { runNft } from '../nft.ts';
import { OwnTable, type OwnTransactions } from '../own-tables.ts';
import { SharedRun } from '../shared-run.ts';
import {
  destinationChanges,
  renderVipChanges,
  renderVipRemoval,
  renderVipTable,
  UDP_SET,
  type VipRules,
  vipRules,
  vipTable,
} from './vip-rules.ts';
import { flowsToOthers, udpDestinations, type VirtualService } from './virtual-service.ts';

export interface VirtualIpParts {
  readonly instance: string;
  /** Of which addresses. */
  readonly family: TableFamily;
  readonly model: NetworkModel;
  readonly links: Pick<HostLinks, 'deleteFlows'>;
  readonly transactions: OwnTransactions;
}

export class VirtualIps {
  readonly #parts: VirtualIpParts;
  readonly #run = new SharedRun(() => this.#syncNow());
  /** What the kernel has; undefined when that isn't known. */
  #applied: VipRules | undefined;
  readonly #name: Table;
  readonly #table: OwnTable;
  /** Addresses of services that had flows over UDP when flows were last read. */
  #udpBefore: ReadonlySet<string> = new Set();

  constructor(parts: VirtualIpParts) {
    this.#parts = parts;
    this.#name = vipTable(parts.instance, parts.family);
    this.#table = new OwnTable(parts.transactions, this.#name.name, parts.family === 'ip' ? AF_INET : AF_INET6);
  }

  /** Resolves when the rules are as the model says now: no new connection goes to a task that has left. Throws HOST. */
  sync(): Promise<void> {
    return this.#run.request();
  }

  /** Puts rules back that somebody else has taken away. Returns what that was, in words. Throws HOST. */
  restore(): Promise<readonly string[]> {
    return this.#table.restore(() => this.#run.request());
  }

  async remove(): Promise<void> {
    this.#applied = undefined;
    if (await this.#table.isThere()) await runNft(renderVipRemoval(this.#name));
  }

  async #syncNow(): Promise<void> {
    const { instance, family, model } = this.#parts;
    const services = model.virtualServices().filter(({ address }) => address.includes(':') === (family === 'ip6'));
    const wanted = vipRules(
      services.map(({ networkId, address, targets }) => ({
        bridge: bridgeName(instance, networkId),
        address,
        targets,
      })),
    );
    const before = await this.#table.unlessChanged(this.#applied);
    // Where there is no IPv6, it needn't be asked for.
    const isIdle = family === 'ip6' && before === undefined && wanted.size === 0;
    if (isIdle && !(await this.#table.isThere())) return;
    // Until it has worked, nobody knows what is there.
    this.#applied = undefined;
    if (before === undefined) await this.#table.replace(() => runNft(renderVipTable(this.#name, wanted)));
    else await this.#change(before, wanted);
    this.#applied = wanted;
    if (before === undefined || (await this.#hasUdp(losers(before, wanted)))) await this.#dropUdpFlows(services);
  }

  /** To read all connections of a host takes longer than all the rest: not where none of these services was asked over UDP. */
  async #hasUdp(addresses: readonly string[]): Promise<boolean> {
    if (addresses.length === 0) return false;
    const asked = await this.#table.setKeys(UDP_SET);
    return addresses.some((address) => this.#udpBefore.has(address) || asked.includes(address));
  }

  async #dropUdpFlows(services: readonly VirtualService[]): Promise<void> {
    await this.#parts.links.deleteFlows((flows) => {
      this.#udpBefore = udpDestinations(flows, services);
      return flowsToOthers(flows, services);
    });
  }

  /** Nearly all changes are of whom services have, for which nft(8) would take longer to start than all the rest takes. */
  async #change(before: VipRules, wanted: VipRules): Promise<void> {
    const moves = destinationChanges(this.#name, before, wanted);
    if (moves !== undefined) return moves.length === 0 ? undefined : this.#table.send(moves);
    const text = renderVipChanges(this.#name, before, wanted);
    await this.#table.change(() => runNft(text));
  }
}

/** Addresses of services of which any task is sent nothing more. */
function losers(before: VipRules, after: VipRules): string[] {
  return [...before].flatMap(([key, { address, targets }]) => {
    const now = after.get(key)?.targets ?? [];
    return targets !== now && targets.some((target) => !now.includes(target)) ? [address] : [];
  });
}
