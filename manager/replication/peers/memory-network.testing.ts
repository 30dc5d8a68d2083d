/** Transports within one process, with a network between them that can be cut. */
import type { Message } from '../../raft/message.ts';
import type { RaftReceiver } from './raft-service.ts';
import type { PeerAddress, SnapshotTransfer, Transport, TransportEvents } from './transport.ts';

export class MemoryNetwork {
  readonly #receivers = new Map<string, RaftReceiver>();
  readonly #transports = new Map<string, MemoryTransport>();
  readonly #cut = new Set<string>();

  transport(id: string): Transport {
    const transport = new MemoryTransport(id, this);
    this.#transports.set(id, transport);
    return transport;
  }

  attach(id: string, receiver: RaftReceiver): void {
    this.#receivers.set(id, receiver);
  }

  /** Its process has ended: connections to it are refused from now on. */
  detach(id: string): void {
    this.#receivers.delete(id);
    for (const transport of this.#transports.values()) transport.gone(id);
  }

  /** Nothing reaches this one any more, nor comes from it; nobody is told. */
  isolate(id: string): void {
    this.#cut.add(id);
  }

  heal(): void {
    this.#cut.clear();
  }

  receiver(from: string, to: string): RaftReceiver | undefined {
    return this.#cut.has(from) || this.#cut.has(to) ? undefined : this.#receivers.get(to);
  }
}

class MemoryTransport implements Transport {
  readonly #id: string;
  readonly #network: MemoryNetwork;
  #events: TransportEvents | undefined;
  #peers = new Set<string>();
  #closed: boolean = false;

  constructor(id: string, network: MemoryNetwork) {
    this.#id = id;
    this.#network = network;
  }

  start(events: TransportEvents): void {
    this.#events = events;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#peers = new Set(peers.map(({ id }) => id));
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      // As over a wire: later, and not in the sender's turn.
      setImmediate(() => this.#deliver(message));
    }
  }

  async sendSnapshot({ to, ...transfer }: SnapshotTransfer): Promise<void> {
    const receiver = this.#network.receiver(this.#id, to);
    if (receiver === undefined) throw new Error(`${to} can't be reached`);
    await receiver.receiveSnapshot({ to, ...transfer });
  }

  isConnected(id: string): boolean {
    return this.#network.receiver(this.#id, id) !== undefined;
  }

  gone(id: string): void {
    if (!this.#closed && this.#peers.has(id)) this.#events?.onGone(id);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #deliver(message: Message): void {
    if (this.#closed) return;
    if (this.#peers.has(message.to)) this.#network.receiver(this.#id, message.to)?.receive(message);
  }
}
