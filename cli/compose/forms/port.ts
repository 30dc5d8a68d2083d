/** The short form of a port → its long forms (Compose specification, "ports", as Docker's own parser reads it). */
import { isIP } from 'node:net';
import { mappingAt, type Scalar, type Tree, textAt } from '../syntax/tree.ts';

export interface PortForm {
  readonly hostIp: string;
  readonly target: number;
  /** "", a port, or a range of which one is taken: "8000-8010". */
  readonly published: string;
  readonly protocol: string;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** One for each port of a range; a string says what is wrong. */
export function parsePort(text: string): PortForm[] | string {
  const [head = '', protocolText = '', ...more] = text.split('/');
  const protocol = protocolText.toLowerCase() || 'tcp';
  if (more.length > 0 || !/^(tcp|udp|sctp)$/.test(protocol))
    return `protocol "${protocolText}" is not tcp, udp or sctp`;
  const parts = head.split(':');
  const target = parseRange(parts.at(-1) ?? '');
  if (target === undefined) return `"${parts.at(-1) ?? ''}" is no port or range of ports`;
  const publishedText = parts.at(-2) ?? '';
  const published = publishedText === '' ? undefined : parseRange(publishedText);
  if (publishedText !== '' && published === undefined) return `"${publishedText}" is no port or range of ports`;
  const host = parts.slice(0, -2).join(':');
  const hostIp = host.replace(/^\[(.*)\]$/, '$1');
  if (host !== '' && isIP(hostIp) === 0) return `"${host}" is not an address`;
  const count = target.to - target.from;
  if (published !== undefined && count > 0 && published.to - published.from !== count) {
    return 'the two port ranges differ in length';
  }
  const forms = Array.from({ length: count + 1 }, (_, index) => ({
    hostIp,
    target: target.from + index,
    published: published === undefined ? '' : publishedAt(published, count, index),
    protocol,
  }));
  // Docker lists them by their text.
  return forms.sort((a, b) => (`${a.target}/` < `${b.target}/` ? -1 : 1));
}

function publishedAt(published: Range, count: number, index: number): string {
  const isChoice = count === 0 && published.to > published.from;
  return isChoice ? `${published.from}-${published.to}` : String(published.from + index);
}

/** "80" or "80-82"; undefined: neither. */
export function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return to <= 65535 && from <= to ? { from, to } : undefined;
}

/** A port in long form, as one that was written so; what can't be read stays as it is, for its reader to complain about. */
export function longPorts(tree: Tree): Tree[] {
  if (tree.kind !== 'scalar' || tree.value === null) return [tree];
  const forms = parsePort(typeof tree.value === 'number' ? String(tree.value) : tree.text);
  return typeof forms === 'string' ? [tree] : forms.map((form) => portTree(tree, form));
}

function portTree({ position }: Scalar, { hostIp, target, published, protocol }: PortForm): Tree {
  const number: Scalar = { kind: 'scalar', position, text: String(target), value: target, quoted: false };
  return mappingAt(position, {
    ...(hostIp === '' ? {} : { host_ip: textAt(position, hostIp) }),
    target: number,
    ...(published === '' ? {} : { published: textAt(position, published) }),
    protocol: textAt(position, protocol),
  });
}
