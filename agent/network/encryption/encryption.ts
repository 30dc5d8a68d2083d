/** What this node's encrypted networks go through: one WireGuard link to all nodes that share one with it. */
import type { Logger } from 'pino';
import type { Native } from '../../../native/addon/native.ts';
import { GantryError } from '../../../proto/errors.ts';
import { NodeWireguard } from '../../../proto/generated/gantry/v1/types.ts';
import type { HostLinks } from '../host-links.ts';
import type { VxlanSpec } from '../netlink/link.ts';
import { isNetlinkError } from '../netlink/socket.ts';
import type { WireguardPeer } from '../netlink/wireguard.ts';
import { WIREGUARD_OVERHEAD } from '../network-record.ts';
import { describePeerChange, peerChanges, WIREGUARD_PORT } from './peer-plan.ts';
import { loadWireguardKey, removeWireguardKey, type WireguardKey } from './wireguard-key.ts';
import { type HeldEnd, type TunnelEnd, WireguardNamespace } from './wireguard-namespace.ts';

export const NO_WIREGUARD_HINT =
  "run 'modprobe wireguard', or use a kernel with CONFIG_WIREGUARD (Linux 5.6 and newer); then restart gantryd";

export interface EncryptionParts {
  /** DATA_ROOT/network */
  readonly dataDir: string;
  /** EXEC_ROOT/network/encryption */
  readonly execDir: string;
  readonly native: Native;
  readonly links: HostLinks;
  readonly logger: Logger;
}

export interface EncryptionSpec {
  readonly nodeAddress: string;
  /** Of the link that has this address */
  readonly underlayMtu: number;
  readonly peers: readonly WireguardPeer[];
}

/** `start` comes first. Its other methods are called one at a time. */
export class Encryption {
  readonly #parts: EncryptionParts;
  readonly #namespace: WireguardNamespace;
  #key: WireguardKey | undefined;
  #missing: string = 'gantryd has not looked for WireGuard yet';
  #wanted: EncryptionSpec | undefined;
  #applied = '';
  #generation = 0;

  constructor(parts: EncryptionParts) {
    this.#parts = parts;
    this.#namespace = new WireguardNamespace(parts.native, parts.execDir);
  }

  /** Sees whether the kernel has WireGuard, by making a link, and reads the node's key. */
  async start(): Promise<void> {
    const { dataDir, logger } = this.#parts;
    try {
      await this.#namespace.tryLink();
      this.#key = await loadWireguardKey(dataDir);
    } catch (error) {
      this.#missing = whyMissing(error);
      logger.info({ reason: this.#missing }, 'this host takes part in no encrypted networks');
    }
  }

  /** For the managers. */
  get description(): NodeWireguard {
    if (this.#key === undefined) return NodeWireguard.create({ missing: this.#missing });
    return NodeWireguard.create({ publicKey: this.#key.publicKey });
  }

  /** Grows whenever all VXLANs made by `ensureVxlan` are gone. */
  get generation(): number {
    return this.#generation;
  }

  /** Why the network can't be on this host: UNSUPPORTED; undefined when it can. */
  refusalOf(network: string): GantryError | undefined {
    if (this.#key !== undefined) return undefined;
    return new GantryError(
      'UNSUPPORTED',
      `network ${network} is encrypted, which this host can't do: ${this.#missing}`,
      {
        hint: NO_WIREGUARD_HINT,
      },
    );
  }

  /** Nothing is asked of the kernel when it is so already. Throws PORT_IN_USE. */
  async apply(spec: EncryptionSpec): Promise<void> {
    const key = JSON.stringify(spec);
    if (this.#applied === key) return;
    this.#applied = '';
    this.#wanted = spec;
    await this.#bringInLine(spec);
    this.#applied = key;
  }

  /** Puts back what somebody else has taken away. Returns what that was, in words. */
  async repair(): Promise<string[]> {
    if (this.#wanted === undefined) return [];
    const faults = await this.#faults(this.#wanted);
    if (faults.length > 0) await this.#bringInLine(this.#wanted);
    return faults;
  }

  /** As HostLinks.ensureVxlan: one that can be reached, and reach, through the tunnel alone. After `apply`. */
  ensureVxlan(spec: VxlanSpec): Promise<number> {
    return this.#namespace.fromInside((socket, hostFd) => this.#parts.links.ensureVxlan(spec, { socket, hostFd }));
  }

  /** Also what an earlier agent has made. Idempotent. */
  async remove(): Promise<void> {
    this.#applied = '';
    this.#wanted = undefined;
    await this.#namespace.remove();
  }

  /** For a node that has left its cluster. */
  async renewKey(): Promise<void> {
    if (this.#key === undefined) return;
    await removeWireguardKey(this.#parts.dataDir);
    this.#key = await loadWireguardKey(this.#parts.dataDir);
  }

  /** What the kernel says of the tunnel; undefined: there is none. */
  held(): Promise<HeldEnd | undefined> {
    return this.#namespace.held();
  }

  async #bringInLine(spec: EncryptionSpec): Promise<void> {
    if (!(await this.#namespace.isThere())) await this.#createNamespace();
    try {
      await this.#namespace.bringUp(this.#end(spec));
    } catch (error) {
      throw isNetlinkError(error, 'EADDRINUSE') ? portInUse(error) : error;
    }
    const held = await this.#namespace.held();
    await this.#namespace.changePeers(peerChanges(held?.peers ?? [], spec.peers));
  }

  /** VXLANs of the one before lead nowhere, and would be taken for those of this one. */
  async #createNamespace(): Promise<void> {
    const { links } = this.#parts;
    await links.deleteRootedElsewhere();
    this.#generation += 1;
    await this.#namespace.create();
  }

  async #faults(spec: EncryptionSpec): Promise<string[]> {
    const [held, wanted] = [await this.#namespace.held(), this.#end(spec)];
    if (held === undefined) return ['the WireGuard link'];
    const isRight =
      held.isUp &&
      held.port === wanted.port &&
      held.mtu === wanted.mtu &&
      held.publicKey === this.#key?.publicKey &&
      held.addresses.join() === wanted.nodeAddress &&
      held.leadsEverywhere;
    return [
      ...(isRight ? [] : ['what the WireGuard link is']),
      ...peerChanges(held.peers, spec.peers).map(describePeerChange),
    ];
  }

  #end({ nodeAddress, underlayMtu }: EncryptionSpec): TunnelEnd {
    if (this.#key === undefined) throw new Error('without WireGuard there is nothing to bring up');
    const { privateKey } = this.#key;
    return { nodeAddress, mtu: underlayMtu - WIREGUARD_OVERHEAD, privateKey, port: WIREGUARD_PORT };
  }
}

function whyMissing(error: unknown): string {
  // As Node calls EOPNOTSUPP.
  if (isNetlinkError(error, 'ENOTSUP')) return 'its kernel has no WireGuard';
  return error instanceof Error ? error.message : String(error);
}

function portInUse(cause: unknown): GantryError {
  return new GantryError('PORT_IN_USE', `UDP port ${WIREGUARD_PORT}, for encrypted networks, is taken on this host`, {
    hint: `see who has it with 'ss -ulnp sport = :${WIREGUARD_PORT}', and move that elsewhere`,
    cause,
  });
}
