/** Keeps the host's ports, the ruleset and tracked flows as the model says. */
import type { Logger } from 'pino';
import { toGantryError } from '../../proto/errors.ts';
import type { PortConfig, ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { contains6, parseIpv6, parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import type { HostLinks } from './host-links.ts';
import type { Ingress } from './ingress/ingress.ts';
import { INGRESS_ADDRESSES6 } from './ingress/ingress6.ts';
import { isOnIpv6 } from './ipv6/ports6.ts';
import { renderRemoval6, renderRuleset6 } from './ipv6/ruleset6.ts';
import type { NetworkModel } from './model.ts';
import { AF_INET6 } from './netlink/nf-table.ts';
import { RulesetApplier, runNft } from './nft.ts';
import { OwnTable, type OwnTransactions } from './own-tables.ts';
import { isSamePort, type PortOwner, type PortReservations } from './port-reservations.ts';
import { indexByAddress, ingressPort, ingressPorts, sentOn } from './published.ts';
import type { PortTarget, PublishedPort } from './rules/port-rules.ts';
import { itselfPairs, renderRemoval, renderRuleset, tableName } from './ruleset.ts';
import { addressesOf, displayName } from './sandbox-record.ts';
import { SharedRun } from './shared-run.ts';
import { staleFlows } from './stale-flows.ts';
import { contains, parseIpv4, parseSubnet } from './subnet.ts';

interface Claim {
  readonly owner: PortOwner;
  readonly port: PortConfig;
}

export interface PublishingParts {
  readonly instance: string;
  readonly transactions: OwnTransactions;
  readonly model: NetworkModel;
  readonly links: HostLinks;
  readonly reservations: PortReservations;
  readonly ingress: Ingress;
  readonly logger: Logger;
}

export class Publishing {
  readonly #parts: PublishingParts;
  readonly #applier: RulesetApplier;
  readonly #applier6: RulesetApplier;
  /** Whether there has been anything for IPv6. */
  #hasRules6 = false;
  readonly #run = new SharedRun(() => this.#syncNow());
  /** Services that may hold ports, by owner id. */
  #services = new Set<string>();
  /** Ports that somebody else had at the last attempt, so that each is reported once. */
  #refused = new Set<string>();
  #flowPorts = '[[],[]]';
  /** Containers on this node that a port of a service led to, by both. */
  #lastHere = new Map<string, readonly PortTarget[]>();

  constructor(parts: PublishingParts) {
    this.#parts = parts;
    const { instance, transactions, model, ingress } = parts;
    const render = () => ({
      table: renderRuleset(instance, {
        bridges: model.bridgeRules(),
        ports: this.#publishedPorts().filter((port) => !isOnIpv6(port)),
        ingress: ingress.isUp ? { link: ingress.link, nodes: ingress.nodes } : undefined,
      }),
      pairs: itselfPairs('ip', instance, [...model.overlayAddresses(), ...model.nodes.values()].map(toItself)),
    });
    this.#applier = new RulesetApplier(render, new OwnTable(transactions, tableName(instance)));
    const render6 = () => ({
      table: renderRuleset6(instance, {
        bridges: model.bridgeRules6(),
        ports: this.#publishedPorts().filter(isOnIpv6),
        ingress:
          ingress.isUp && model.ingressFamilies().includes('ip6')
            ? { link: ingress.link, nodes: ingress.nodes }
            : undefined,
      }),
      pairs: this.#needsRules6()
        ? itselfPairs('ip6', instance, [...model.overlayAddresses().map(toItself), ...model.nodes6])
        : undefined,
    });
    this.#applier6 = new RulesetApplier(render6, new OwnTable(transactions, tableName(instance), AF_INET6));
  }

  /** Resolves when ports and rules are as the model says now. Ports that somebody else has are logged and left out. */
  sync(): Promise<void> {
    return this.#run.request();
  }

  /** Puts rules back that somebody else has taken away. Returns what that was, in words. */
  async restoreRules(): Promise<readonly string[]> {
    const restored = await this.#applier.restore();
    return this.#needsRules6() ? [...restored, ...(await this.#applier6.restore())] : restored;
  }

  async removeRules(): Promise<void> {
    const { instance, transactions } = this.#parts;
    await runNft(renderRemoval(instance));
    const has6 = (await transactions.contents(tableName(instance), AF_INET6)) !== undefined;
    if (has6) await runNft(renderRemoval6(instance));
  }

  async #syncNow(): Promise<void> {
    await this.#syncPorts();
    await this.#applier.apply();
    if (this.#needsRules6() || this.#hasRules6) await this.#applier6.apply();
    this.#hasRules6 = this.#needsRules6();
    await this.#dropStaleFlows();
  }

  #needsRules6(): boolean {
    const { model, ingress } = this.#parts;
    return model.bridgeRules6().length > 0 || (ingress.isUp && model.ingressFamilies().includes('ip6'));
  }

  async #syncPorts(): Promise<void> {
    const { model, reservations } = this.#parts;
    const claims = [...this.#containerClaims(), ...model.services.flatMap(serviceClaims)];
    const services = new Set(model.services.map(({ serviceId }) => serviceOwnerId(serviceId)));
    for (const ownerId of this.#services) {
      for (const held of reservations.heldBy(ownerId)) {
        const isClaimed = claims.some(({ owner, port }) => owner.id === ownerId && isSamePort(port, held));
        if (!isClaimed) await reservations.release(ownerId, held);
      }
    }
    this.#services = services;
    const refused = new Set<string>();
    for (const claim of claims) {
      if (!(await this.#reserve(claim))) refused.add(claimKey(claim));
    }
    this.#refused = refused;
  }

  async #reserve(claim: Claim): Promise<boolean> {
    const { reservations, logger } = this.#parts;
    if (reservations.heldBy(claim.owner.id).some((held) => isSamePort(held, claim.port))) return true;
    try {
      await reservations.reserve(claim.port, claim.owner);
      return true;
    } catch (thrown) {
      const error = toGantryError(thrown);
      if (!this.#refused.has(claimKey(claim))) {
        logger.error({ err: error, owner: claim.owner }, 'cannot hold a published port; will try again');
      }
      return false;
    }
  }

  /** Of containers that run since before this process did: setup reserves the others' itself. */
  #containerClaims(): Claim[] {
    return [...this.#parts.model.sandboxes.values()]
      .filter((sandbox) => sandbox.ready)
      .flatMap((sandbox) => {
        const owner = { kind: 'container', id: sandbox.request.containerId, name: displayName(sandbox) } as const;
        return sandbox.ports.map((port) => ({ owner, port }));
      });
  }

  /** Where a port that a service or container has on IPv6 leads, for who connects on ::1; see relay6.ts. */
  relayTarget(hostIp: string, port: number): PortTarget | undefined {
    const ports = this.#publishedPorts().filter(({ protocol }) => protocol === 'tcp');
    return ports.find((one) => one.hostIp === hostIp && one.port === port)?.targets[0];
  }

  #publishedPorts(): PublishedPort[] {
    const { model, reservations } = this.#parts;
    const local = indexByAddress(model.sandboxes.values());
    const surroundings = { networks: model.networks, local, nodes: model.nodes };
    const last = this.#lastHere;
    this.#lastHere = new Map();
    const ingress = model.services.flatMap((service) => {
      const held = reservations.heldBy(serviceOwnerId(service.serviceId));
      return ingressPorts(service)
        .filter((port) => held.some((other) => isSamePort(other, port)))
        .map((port) => {
          const key = `${service.serviceId} ${port.protocol} ${port.hostIp} ${port.publishedPort}`;
          const published = ingressPort(service, port, surroundings);
          const here = sentOn(published, last.get(key) ?? [], local);
          this.#lastHere.set(
            key,
            here.filter(({ kind }) => kind === 'container'),
          );
          return { ...published, here };
        });
    });
    return [...model.containerPorts(), ...model.containerPorts6(), ...ingress];
  }

  async #dropStaleFlows(): Promise<void> {
    const { model, links } = this.#parts;
    const ports = this.#publishedPorts().filter(({ protocol }) => protocol !== 'tcp');
    const present = this.#presentAddresses();
    const hasSctp = ports.some(({ protocol }) => protocol === 'sctp');
    const key = JSON.stringify([ports, hasSctp ? [...present].sort() : []]);
    if (key === this.#flowPorts) return;
    const hostAddresses = new Set([...(await links.addresses()), ...(await links.addresses6())]);
    const subnets = [
      ...[...model.networks.values()].map(({ subnet }) => parseSubnet(subnet)),
      ...[...model.nodes.values()].map((address) => parseSubnet(`${address}/32`)),
    ];
    const subnets6 = [...model.bridgeRules6().map(({ subnet }) => subnet), INGRESS_ADDRESSES6].map(parseSubnet6);
    const isOurs = (text: string): boolean => {
      const [v4, v6] = [parseIpv4(text), parseIpv6(text)];
      return v4 === undefined
        ? v6 !== undefined && subnets6.some((subnet) => contains6(subnet, v6))
        : subnets.some((subnet) => contains(subnet, v4));
    };
    const isPresent = (address: string): boolean => present.has(address);
    await links.deleteFlows((flows) => staleFlows(flows, { ports, isOurs, isPresent, hostAddresses }));
    this.#flowPorts = key;
  }

  /** Of containers that there are, and of other nodes. */
  #presentAddresses(): Set<string> {
    const { sandboxes, nodes } = this.#parts.model;
    const own = [...sandboxes.values()].flatMap(({ attachments }) => attachments.flatMap(addressesOf));
    return new Set([...own, ...nodes.values()]);
  }
}

function toItself(address: string): readonly [string, string] {
  return [address, address];
}

function serviceClaims(service: ServiceEndpoints): Claim[] {
  const owner = { kind: 'service', id: serviceOwnerId(service.serviceId), name: service.serviceName } as const;
  return ingressPorts(service).map((port) => ({ owner, port }));
}

function serviceOwnerId(serviceId: string): string {
  return `service ${serviceId}`;
}

function claimKey({ owner, port }: Claim): string {
  return `${owner.id} ${port.protocol} ${port.hostIp} ${port.publishedPort}`;
}
