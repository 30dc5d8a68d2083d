/** Puts macvlan networks back: VLANs that we have made, and containers' interfaces, which go with the link that they are on. */
import type { MacvlanLinks } from '../macvlan/macvlan-links.ts';
import type { Parents } from '../macvlan/parents.ts';
import type { NetworkModel } from '../model.ts';
import { displayName, macvlansOf, type SandboxRecord } from '../sandbox-record.ts';

export interface MacvlanHealingParts {
  readonly model: NetworkModel;
  readonly parents: Parents;
  readonly macvlanLinks: MacvlanLinks;
  /** Runs while no network is made or removed. */
  readonly lockNetworks: <T>(action: () => Promise<T>) => Promise<T>;
  /** Makes a container's missing interfaces anew. False: it has been taken down meanwhile. */
  readonly replaceLinks: (containerId: string) => Promise<boolean>;
}

/** Returns what was missing, in words. Throws the first failure, when all else is done. */
export async function healMacvlans(parts: MacvlanHealingParts): Promise<string[]> {
  const { model, parents, lockNetworks } = parts;
  const failures: unknown[] = [];
  const attempt = async (heal: () => Promise<string[]>): Promise<string[]> => {
    try {
      return await heal();
    } catch (error) {
      failures.push(error);
      return [];
    }
  };
  const putBack: string[] = [];
  for (const network of model.networks.values()) {
    const { macvlan } = network;
    if (macvlan === undefined) continue;
    putBack.push(
      ...(await attempt(() =>
        lockNetworks(async () => {
          // It may have been removed meanwhile.
          return model.networks.has(network.id) ? parents.repair(network, macvlan) : [];
        }),
      )),
    );
  }
  for (const record of model.sandboxes.values()) {
    if (record.ready && macvlansOf(record).length > 0) putBack.push(...(await attempt(() => healOne(parts, record))));
  }
  if (failures.length > 0) throw failures[0];
  return putBack;
}

async function healOne({ macvlanLinks, replaceLinks }: MacvlanHealingParts, record: SandboxRecord): Promise<string[]> {
  const { containerId } = record.request;
  const wanted = macvlansOf(record);
  const present = await macvlanLinks.present(containerId, wanted);
  const missing = wanted.filter(([number]) => !present.includes(number));
  if (missing.length === 0 || !(await replaceLinks(containerId))) return [];
  return missing.map(([number, { networkName }]) => {
    return `eth${number} of container ${displayName(record)} on network ${networkName}`;
  });
}
