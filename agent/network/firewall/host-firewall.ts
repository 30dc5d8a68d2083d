/**
 * Lets packets of our networks through a firewall of the host that drops what it forwards by default; see passage.ts. Rules in
 * its chains are the only thing of others that is ever touched: they bear our name, and go when the networks are taken down.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { toGantryError } from '../../../proto/errors.ts';
import { linkPrefix } from '../link-names.ts';
import { type FilterChain, forwardChains } from '../netlink/nf-table.ts';
import { NETLINK_NETFILTER, type NetlinkNative, NetlinkSocket } from '../netlink/socket.ts';
import { runNft } from '../nft.ts';
import { tableName } from '../ruleset.ts';
import { type NftChain, type NftObjects, type NftRule, planPassage, planRemoval } from './passage.ts';

const run = promisify(execFile);
const MOST_BYTES = 256 * 1024 * 1024;

export interface HostFirewallParts {
  readonly instance: string;
  readonly native: NetlinkNative;
  /** Whether there are networks with IPv6: without them its chains are nothing to us. */
  readonly hasIpv6: () => boolean;
  readonly logger: Logger;
}

export class HostFirewall {
  readonly #parts: HostFirewallParts;
  /** Marks our rules in chains of others. */
  readonly #comment: string;
  #socket: Promise<NetlinkSocket> | undefined;
  /** Of the chains that were looked at last, so that unchanged ones aren't again. */
  #seen = '';

  constructor(parts: HostFirewallParts) {
    this.#parts = parts;
    this.#comment = tableName(parts.instance);
  }

  /** Brings our rules into each chain that needs them. What can't be changed is logged once, with what the user can do. */
  async pass(): Promise<void> {
    const chains = await this.#relevantChains();
    if (versionOf(chains) === this.#seen) return;
    const objects = await listTables(chains);
    for (const { chain, changes } of planPassage(objects, this.#comment, linkPrefix(this.#parts.instance))) {
      await this.#change(chain, changes);
    }
    this.#seen = versionOf(await this.#relevantChains());
  }

  /** Takes our rules out of all chains, also those of an earlier agent. */
  async remove(): Promise<void> {
    const changes = planRemoval(await listTables(await this.#foreignChains()), this.#comment);
    if (changes.length > 0) await runNft(`${changes.join('\n')}\n`);
    this.#seen = '';
  }

  async close(): Promise<void> {
    const socket = await this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  async #change(chain: string, changes: readonly string[]): Promise<void> {
    const { logger, instance } = this.#parts;
    try {
      await runNft(`${changes.join('\n')}\n`);
      logger.info({ chain, changes }, 'let packets of networks through the firewall of the host');
    } catch (error) {
      const links = `${linkPrefix(instance)}*`;
      logger.error(
        { err: toGantryError(error), chain },
        `the firewall of the host drops what it forwards, and cannot be changed: allow there what comes from or goes to links ${links}`,
      );
    }
  }

  async #relevantChains(): Promise<FilterChain[]> {
    const chains = await this.#foreignChains();
    return this.#parts.hasIpv6() ? chains : chains.filter(({ family }) => family !== 'ip6');
  }

  async #foreignChains(): Promise<FilterChain[]> {
    this.#socket ??= NetlinkSocket.open(this.#parts.native, null, NETLINK_NETFILTER);
    const chains = await forwardChains(await this.#socket);
    return chains.filter(({ table }) => !table.startsWith('gantry-'));
  }
}

function versionOf(chains: readonly FilterChain[]): string {
  return chains.map(({ family, table, version }) => `${family} ${table}\n${version}`).join('\n');
}

async function listTables(chains: readonly FilterChain[]): Promise<NftObjects> {
  const tables = new Map(chains.map(({ family, table }) => [`${family} ${table}`, [family, table]]));
  const objects: { readonly chain?: NftChain; readonly rule?: NftRule }[] = [];
  for (const table of tables.values()) {
    const { stdout } = await run('nft', ['-j', 'list', 'table', ...table], { maxBuffer: MOST_BYTES });
    objects.push(...(JSON.parse(stdout) as { nftables: typeof objects }).nftables);
  }
  return {
    chains: objects.flatMap(({ chain }) => chain ?? []),
    rules: objects.flatMap(({ rule }) => rule ?? []),
  };
}
