/** -p: [IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]. */
import { PortConfig, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { parseProtocol } from '../../proto/port-protocol.ts';
import { invalidFlag } from '../command-line.ts';

const HINT = 'write [IP:][HOST:]CONTAINER[/tcp|/udp|/sctp], such as 8080:80 or 127.0.0.1:5353:53/udp';
const PORT =
  /^(?:(?:\[(?<ip6>[0-9a-fA-F:.]+)\]|(?<ip>[0-9.]+)):(?<ipHost>\d+(?:-\d+)?)?:|(?<host>\d+(?:-\d+)?):)?(?<container>\d+(?:-\d+)?)(?:\/(?<protocol>\w+))?$/;

interface Span {
  readonly first: number;
  readonly count: number;
}

/** One config per port of a range. A host port of 0 lets gantryd choose. */
export function parsePublish(text: string, flag = '-p'): PortConfig[] {
  const fail = (hint: string) => invalidFlag(flag, text, hint);
  const groups = PORT.exec(text)?.groups;
  if (groups === undefined) throw fail(HINT);
  const { ip6, ip, container = '', protocol = 'tcp' } = groups;
  const host = groups.host ?? groups.ipHost;
  const target = span(container, fail);
  const published = host === undefined ? undefined : span(host, fail);
  // One container port takes any free one of several host ports.
  if (published !== undefined && published.count !== target.count && target.count > 1) {
    throw fail('both ranges must be of the same length');
  }
  return Array.from({ length: target.count }, (_, index) =>
    PortConfig.create({
      protocol: protocolOf(protocol, fail),
      targetPort: target.first + index,
      publishedPort: published === undefined ? 0 : published.first + index,
      ...(published === undefined || published.count === target.count
        ? {}
        : { publishedLast: published.first + published.count - 1 }),
      hostIp: hostIp(ip6 ?? ip ?? ''),
      mode: PublishMode.HOST,
    }),
  );
}

/** 0.0.0.0 is every address of the host, as no address is. */
function hostIp(ip: string): string {
  return ip === '0.0.0.0' ? '' : ip;
}

type Fail = (hint: string) => Error;

function span(text: string, fail: Fail): Span {
  const [from = '', to = from] = text.split('-');
  const first = Number(from);
  const last = Number(to);
  if (first > last || last > 65535 || first === 0) throw fail(`ports are 1 to 65535; ${HINT}`);
  return { first, count: last - first + 1 };
}

function protocolOf(name: string, fail: Fail): PortConfig['protocol'] {
  const protocol = parseProtocol(name);
  if (protocol !== undefined) return protocol;
  throw fail(`the protocol "${name}" is not supported; ${HINT}`);
}

/** PORT[-LAST][/tcp|/udp|/sctp] of --expose, as images have it. */
export function checkExposed(text: string): string {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  const first = Number(match?.[1] ?? 0);
  const last = Number(match?.[2] ?? first);
  if (match !== null && first >= 1 && last >= first && last <= 65_535) return text;
  throw invalidFlag('--expose', text, 'write PORT[-LAST][/tcp|/udp|/sctp], such as 80 or 8000-8010/udp');
}
