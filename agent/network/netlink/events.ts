/** What the kernel tells of changes, whoever made them: netlink multicast, as messages (netlink(7), rtnetlink(7)). */
import { Socket } from 'node:net';
import type { Native } from '../../../native/addon/native.ts';
import { type Message, parseMessages } from './message.ts';

/** Stands for any number of messages that were lost (linux/netlink.h). */
export const NLMSG_OVERRUN = 4;
const HEADER_BYTES = 4;

export type EventsNative = Pick<Native, 'netlinkSubscribe'>;

export interface Subscription {
  readonly protocol: number;
  /** One bit each, the first group lowest. */
  readonly groups: number;
  /** Of messages; others are not received. */
  readonly types: readonly number[];
}

export class NetlinkEvents {
  readonly #stream: Socket;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(fd: number, listen: (message: Message) => void, lost: (cause: Error) => void) {
    // Doesn't keep a process up that has nothing else to do.
    this.#stream = new Socket({ fd, readable: true, writable: false }).unref();
    this.#stream.on('data', (bytes: Buffer) => {
      for (const message of this.#take(bytes)) listen(message);
    });
    this.#stream.once('error', lost);
    this.#stream.once('end', () => lost(new Error('the kernel tells nothing any more')));
  }

  /** In the network namespace of this process. `lost` is called when nothing more will come, though `close` wasn't called. */
  static async open(
    native: EventsNative,
    { protocol, groups, types }: Subscription,
    listen: (message: Message) => void,
    lost: (cause: Error) => void,
  ): Promise<NetlinkEvents> {
    const fd = await native.netlinkSubscribe(null, protocol, groups, [...types, NLMSG_OVERRUN]);
    return new NetlinkEvents(fd, listen, lost);
  }

  close(): void {
    this.#stream.removeAllListeners('end').destroy();
  }

  /** Whole messages; the start of one that isn't complete waits for the rest. */
  #take(bytes: Buffer): Message[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let end = 0;
    while (end + HEADER_BYTES <= all.length) {
      const next = end + ((all.readUInt32LE(end) + 3) & ~3);
      if (next > all.length) break;
      end = next;
    }
    this.#rest = all.subarray(end);
    return parseMessages(all.subarray(0, end));
  }
}
