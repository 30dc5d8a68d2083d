/** Other nodes of the cluster as registries: who has an image, and how it is read there. */
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { parseNodeAddress } from '../../proto/address.ts';
import { toGantryError } from '../../proto/errors.ts';
import type { ImageHolder } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { imagePort } from '../../proto/image-port.ts';
import { canonicalName, familiarRepository, type Reference } from '../../proto/image-reference.ts';
import { type NodeIdentity, nodeTlsOptions, ownPeer, refuseUnlessNode } from '../../proto/tls.ts';
import { Authoriser } from './authoriser.ts';
import { HttpTransport } from './http-transport.ts';
import { Repository } from './repository.ts';
import type { RetryClock } from './retry.ts';

/** What this node's part in a cluster knows. */
export interface ClusterImages {
  /** As users write it. UNAVAILABLE while no manager can be asked. */
  imageHolders(image: string): Promise<readonly ImageHolder[]>;
  readonly identity: NodeIdentity | undefined;
}

export interface PeerImagesParts {
  /** Undefined while this host is in no cluster. */
  readonly cluster: () => ClusterImages | undefined;
  readonly clock: RetryClock;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly logger: Logger;
}

/** An image's holders at one moment. The user disposes of them. */
export interface Peers extends Disposable {
  /** Those that have all of it. */
  readonly complete: readonly Repository[];
  /** Those that have begun to bring it. */
  readonly bringing: readonly Repository[];
}

/** On the same network: who doesn't answer soon is off. */
const STALL_MS = 5_000;
/** So many connections are enough for one image. */
const MOST_PEERS = 6;
const NOBODY: Peers = { complete: [], bringing: [], [Symbol.dispose]: () => undefined };

export class PeerImages {
  readonly #parts: PeerImagesParts;

  constructor(parts: PeerImagesParts) {
    this.#parts = parts;
  }

  /** In no particular order, so that they share the work. Nobody where managers can't be asked: then there is the registry. */
  async find(reference: Reference): Promise<Peers> {
    const cluster = this.#parts.cluster();
    const identity = cluster?.identity;
    if (cluster === undefined || identity === undefined) return NOBODY;
    try {
      const holders = await cluster.imageHolders(canonicalName(reference));
      const connect = (some: readonly ImageHolder[]) =>
        this.#shuffled(some)
          .slice(0, MOST_PEERS)
          .map((holder) => this.#connect(holder, reference, identity));
      const complete = connect(holders.filter((holder) => holder.complete));
      const bringing = connect(holders.filter((holder) => !holder.complete));
      const dispose = () => {
        for (const repository of [...complete, ...bringing]) repository[Symbol.dispose]();
      };
      return { complete, bringing, [Symbol.dispose]: dispose };
    } catch (error) {
      this.#parts.logger.debug({ err: toGantryError(error) }, 'the managers cannot be asked who has an image');
      return NOBODY;
    }
  }

  #connect({ address, complete }: ImageHolder, reference: Reference, identity: NodeIdentity): Repository {
    const { clock } = this.#parts;
    const { host: ip, port } = parseNodeAddress(address);
    const host = `${ip.includes(':') ? `[${ip}]` : ip}:${imagePort(port)}`;
    const context = createSecureContext(nodeTlsOptions(identity));
    const { clusterId } = ownPeer(identity);
    const transport = new HttpTransport({
      ...{ host, verify: true, stallMs: STALL_MS },
      contextFor: () => context,
      checkServerIdentity: (_host, certificate) => refuseUnlessNode(certificate, clusterId),
      proxyFor: () => undefined,
    });
    const authoriser = new Authoriser({ host, transport, credentials: undefined, allowsPlainHttp: false, clock });
    return new Repository({
      ...{ base: `https://${host}/v2/`, path: reference.path, name: familiarRepository(reference) },
      ...{ namespace: reference.domain, transport, authoriser, clock, mostFailures: 1, isBringing: !complete },
    });
  }

  #shuffled<Item>(items: readonly Item[]): readonly Item[] {
    return items
      .map((item) => ({ item, order: this.#parts.chance() }))
      .sort((a, b) => a.order - b.order)
      .map(({ item }) => item);
  }
}
