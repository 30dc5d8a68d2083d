/** `links` of services: names by which one service knows another, as aliases of that one on the networks that both are on. */
import { objectOf, textsOf } from '../model/json.ts';
import { type Model, serviceOf } from '../model/normalize.ts';
import type { ModelCursor } from './model-cursor.ts';

/** By service and network. */
export type LinkAliases = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** A link without an alias says only that one depends on the other. */
function aliasedLinks(links: readonly string[]): { other: string; alias: string }[] {
  return links.flatMap((link) => {
    const [other = '', alias = other] = link.split(':');
    return alias === other ? [] : [{ other, alias }];
  });
}

function networksOf(model: Model, service: string): string[] {
  return Object.keys(objectOf(serviceOf(model, service)?.networks));
}

function commonNetworks(model: Model, a: string, b: string): string[] {
  const ofB = new Set(networksOf(model, b));
  return networksOf(model, a).filter((network) => ofB.has(network));
}

export function linkAliases(model: Model): LinkAliases {
  const aliases = new Map<string, Map<string, string[]>>();
  for (const [service, { links }] of Object.entries(model.services)) {
    for (const { other, alias } of aliasedLinks(textsOf(links))) {
      const ofOther = aliases.get(other) ?? new Map<string, string[]>();
      aliases.set(other, ofOther);
      for (const network of commonNetworks(model, service, other)) {
        ofOther.set(network, [...(ofOther.get(network) ?? []), alias]);
      }
    }
  }
  return aliases;
}

/** Notes an alias that would lead to nobody, or that others on the network take for another service. */
export function checkLinks(cursor: ModelCursor, service: string, model: Model, names: NetworkNames): void {
  cursor.items((item) => {
    for (const { other, alias } of aliasedLinks([item.text()])) {
      if (serviceOf(model, other) === undefined) continue;
      const networks = commonNetworks(model, service, other);
      if (networks.length === 0) {
        throw item.problem(`services "${service}" and "${other}" have no network in common`, 'put both on one');
      }
      for (const network of networks) {
        const rival = names
          .get(network)
          ?.get(alias)
          ?.find((owner) => owner !== other);
        if (rival === undefined) continue;
        throw item.problem(
          `the name "${alias}" is that of service "${rival}" on network "${network}", too`,
          'choose another alias: all services of a network know it',
        );
      }
    }
  });
}

/** Of each network, which services have a name there: their own, aliases, and what others link them as. None without links. */
export type NetworkNames = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

export function networkNames(model: Model, links: LinkAliases): NetworkNames {
  const names = new Map<string, Map<string, string[]>>();
  if (links.size === 0) return names;
  const add = (network: string, name: string, owner: string): void => {
    const ofNetwork = names.get(network) ?? new Map<string, string[]>();
    names.set(network, ofNetwork);
    ofNetwork.set(name, [...(ofNetwork.get(name) ?? []), owner]);
  };
  for (const [service, { networks }] of Object.entries(model.services)) {
    for (const [network, attachment] of Object.entries(objectOf(networks))) {
      add(network, service, service);
      for (const alias of textsOf(objectOf(attachment).aliases)) add(network, alias, service);
      for (const alias of links.get(service)?.get(network) ?? []) add(network, alias, service);
    }
  }
  return names;
}
