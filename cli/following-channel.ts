/** A gRPC channel for calls that any of several managers answers: when the one it is connected to goes away, it takes the next. */
import { type Client, connectivityState } from '@grpc/grpc-js';

export type Channel = ReturnType<Client['getChannel']>;
type CallParameters = Parameters<Channel['createCall']>;

/** Moves only between calls: the one that breaks fails, and whoever makes it again reaches another manager. */
export class FollowingChannel implements Channel {
  readonly #next: () => Channel;
  #current: Channel;

  /** `first` is connected. This channel closes it, and all that `next` gives. */
  constructor(first: Channel, next: () => Channel) {
    this.#current = first;
    this.#next = next;
  }

  createCall(...parameters: CallParameters): ReturnType<Channel['createCall']> {
    if (this.#current.getConnectivityState(true) !== connectivityState.READY) {
      this.#current.close();
      this.#current = this.#next();
    }
    return this.#current.createCall(...parameters);
  }

  close(): void {
    this.#current.close();
  }

  getTarget(): string {
    return this.#current.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): ReturnType<Channel['getConnectivityState']> {
    return this.#current.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...parameters: Parameters<Channel['watchConnectivityState']>): void {
    this.#current.watchConnectivityState(...parameters);
  }

  getChannelzRef(): ReturnType<Channel['getChannelzRef']> {
    return this.#current.getChannelzRef();
  }
}
