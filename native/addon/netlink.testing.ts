/** Netlink messages as tests of the addon write and read them: links (rtnetlink(7)), and the answers to requests. */
import { native } from './native.ts';

export const NETLINK_ROUTE = 0;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;

/** A netlink message: struct nlmsghdr, struct ifinfomsg, IFLA_IFNAME if there is a name, IFLA_LINKINFO bridge. */
export function linkMessage(type: number, flags: number, sequence: number, name = ''): Buffer {
  const attributes = name === '' ? [] : [attribute(3, Buffer.from(`${name}\0`))];
  if (type === RTM_NEWLINK) attributes.push(attribute(18, attribute(1, Buffer.from('bridge\0'))));
  const body = Buffer.concat([Buffer.alloc(16), ...attributes]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

function attribute(type: number, data: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(data.length / 4) * 4);
  padded.writeUInt16LE(4 + data.length, 0);
  padded.writeUInt16LE(type, 2);
  data.copy(padded, 4);
  return padded;
}

export interface Answer {
  readonly type: number;
  /** Of an NLMSG_ERROR: 0, or the errno below zero. */
  readonly error: number;
}

/** What netlink datagrams hold, one message after the other. */
export function answersIn(datagrams: readonly Buffer[]): Answer[] {
  const answers: Answer[] = [];
  for (const datagram of datagrams) {
    for (let at = 0; at + 16 <= datagram.length; at += (datagram.readUInt32LE(at) + 3) & ~3) {
      const type = datagram.readUInt16LE(at + 4);
      answers.push({ type, error: type === NLMSG_ERROR ? datagram.readInt32LE(at + 16) : 0 });
    }
  }
  return answers;
}

/** With a netlink socket of a network namespace; null is the own one. */
export async function withNetlink<T>(netns: string | null, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = await native.netlinkOpen(netns, NETLINK_ROUTE);
  try {
    return await use(fd);
  } finally {
    native.closeFd(fd);
  }
}
