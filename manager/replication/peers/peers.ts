/** The other members as the driver deals with them: who they are, and who has been heard of. */
import type { PeerId } from '../../raft/message.ts';
import type { PeerAddress, Transport } from './transport.ts';

/** A member that says nothing for so long can't be reached. Leaders hear of everybody with each heartbeat. */
const SILENCE_TICKS = 20;

export class Peers {
  readonly #self: PeerId;
  readonly #transport: Transport;
  readonly #heard = new Map<PeerId, number>();
  #addresses: readonly PeerAddress[];
  #ticks = 0;

  constructor(self: PeerId, transport: Transport, addresses: readonly PeerAddress[]) {
    this.#self = self;
    this.#transport = transport;
    this.#addresses = addresses;
  }

  connect(): void {
    this.#transport.setPeers(this.#addresses.filter(({ id }) => id !== this.#self));
  }

  /** While none are known from the log, those that it was told of at the start are the best there is. */
  set(addresses: readonly PeerAddress[]): void {
    if (addresses === this.#addresses || addresses.length === 0) return;
    this.#addresses = addresses;
    this.connect();
  }

  tick(): void {
    this.#ticks += 1;
  }

  heard(id: PeerId): void {
    this.#heard.set(id, this.#ticks);
  }

  /** `leading`: then everybody answers; a follower hears only of its leader, and has to judge by the connection. */
  isReachable(id: PeerId, leading: boolean): boolean {
    if (id === this.#self) return true;
    const silent = this.#ticks - (this.#heard.get(id) ?? Number.NEGATIVE_INFINITY);
    return silent < SILENCE_TICKS || (!leading && this.#transport.isConnected(id));
  }
}
