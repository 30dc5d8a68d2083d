/** Which registries needn't prove who they are: those of this host, and those that gantryd is told. Pure. */
import { BlockList, isIP } from 'node:net';
import { hostName } from './endpoints.ts';

/** As with Docker: what doesn't leave the host. */
const OWN_NETWORKS = ['127.0.0.0/8', '::1/128'];

export class InsecureHosts {
  readonly #names = new Set<string>();
  readonly #networks = new BlockList();

  /** HOST[:PORT] or CIDR; what {@link isCidr} takes for one is. */
  constructor(entries: readonly string[]) {
    for (const entry of [...OWN_NETWORKS, ...entries]) {
      const cidr = parseCidr(entry);
      if (cidr === undefined) this.#names.add(entry.toLowerCase());
      else this.#networks.addSubnet(cidr.address, cidr.prefix, cidr.family);
    }
  }

  /** `host` is HOST[:PORT], named with its port or without; `addresses` are those that it has. */
  includes(host: string, addresses: readonly string[]): boolean {
    const name = hostName(host).toLowerCase();
    if (this.#names.has(host.toLowerCase()) || this.#names.has(name) || name === 'localhost') return true;
    return addresses.some((address) => this.#networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
  }
}

interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined;
}

function parseCidr(text: string): Cidr | undefined {
  const [address = '', bits = '', ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || !/^\d{1,3}$/.test(bits) || rest.length > 0) return undefined;
  const prefix = Number(bits);
  if (prefix > (version === 6 ? 128 : 32)) return undefined;
  return { address, prefix, family: version === 6 ? 'ipv6' : 'ipv4' };
}
