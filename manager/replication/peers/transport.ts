/** How a manager's Raft reaches its peers. Nothing here waits for a peer: what can't be sent now is lost, and Raft copes. */
import type { Message, PeerId, Snapshot } from '../../raft/message.ts';

export interface PeerAddress {
  readonly id: PeerId;
  /** IP:PORT. */
  readonly address: string;
}

/** A snapshot on its way, with what a member needs beside it. */
export interface SnapshotTransfer {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly term: number;
  readonly snapshot: Snapshot;
  readonly members: readonly PeerAddress[];
}

/** What the transport tells its user. */
export interface TransportEvents {
  /** Messages to this peer have been lost. */
  onUnreachable(id: PeerId): void;
  /** The peer's connection broke, and nobody listens at its address any more. */
  onGone(id: PeerId): void;
}

export interface Transport {
  start(events: TransportEvents): void;
  /** All others that take part, instead of those before. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** To peers that aren't known, or can't be reached, nothing is sent. */
  send(messages: readonly Message[]): void;
  /** Resolves when the peer has all of the snapshot; rejects when it can't be brought there. */
  sendSnapshot(transfer: SnapshotTransfer): Promise<void>;
  isConnected(id: PeerId): boolean;
  close(): Promise<void>;
}
