/** The transport over gRPC: a stream of messages to each peer, and a call of its own for each snapshot. */
import type { Logger } from 'pino';
import type { RaftClient } from '../../../proto/generated/gantry/v1/raft.ts';
import type { Message, PeerId } from '../../raft/message.ts';
import { PeerLink } from './peer-link.ts';
import { sendSnapshot } from './snapshot-sender.ts';
import type { PeerAddress, SnapshotTransfer, Transport, TransportEvents } from './transport.ts';
import { messageBytes, toWire } from './wire.ts';

export interface GrpcTransportOptions {
  readonly connect: (address: string) => RaftClient;
  readonly logger: Logger;
}

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #links = new Map<PeerId, PeerLink>();
  readonly #closing = new Set<Promise<void>>();
  readonly #transfers = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #events: TransportEvents = { onUnreachable: () => undefined, onGone: () => undefined };

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  start(events: TransportEvents): void {
    this.#events = events;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    for (const [id, link] of this.#links) {
      if (peers.some((peer) => peer.id === id && peer.address === link.address)) continue;
      this.#links.delete(id);
      this.#closeLink(link);
    }
    for (const peer of peers) if (!this.#links.has(peer.id)) this.#links.set(peer.id, this.#open(peer));
  }

  send(messages: readonly Message[]): void {
    const lost = new Set<PeerId>();
    for (const message of messages) {
      const sent = this.#links.get(message.to)?.send(toWire(message), messageBytes(message)) ?? false;
      if (!sent) lost.add(message.to);
    }
    for (const id of lost) this.#events.onUnreachable(id);
  }

  async sendSnapshot(transfer: SnapshotTransfer): Promise<void> {
    const link = this.#links.get(transfer.to);
    if (link === undefined) throw new Error(`no address is known of ${transfer.to}`);
    const client = this.#options.connect(link.address);
    const sending = sendSnapshot(client, transfer, this.#ended.signal).finally(() => client.close());
    const tracked = sending.catch(() => undefined).finally(() => this.#transfers.delete(tracked));
    this.#transfers.add(tracked);
    await sending;
  }

  isConnected(id: PeerId): boolean {
    return this.#links.get(id)?.connected ?? false;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    for (const link of this.#links.values()) this.#closeLink(link);
    this.#links.clear();
    await Promise.all([...this.#closing, ...this.#transfers]);
  }

  #open({ id, address }: PeerAddress): PeerLink {
    const { connect, logger } = this.#options;
    return new PeerLink({
      ...{ id, address, connect, logger },
      onUnreachable: () => this.#events.onUnreachable(id),
      onGone: () => this.#events.onGone(id),
    });
  }

  #closeLink(link: PeerLink): void {
    const closing = link.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
