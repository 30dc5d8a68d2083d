/** Which proxy leads to a host, by the environment's usual variables as Go's programs read them. Pure. */
import { BlockList, isIP } from 'node:net';
import { hostName } from './endpoints.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy's URL; undefined for the direct way. What is on this host is never reached through one. */
export function proxyFor(url: URL, env: Environment): string | undefined {
  const proxy = url.protocol === 'https:' ? variable(env, 'HTTPS_PROXY') : variable(env, 'HTTP_PROXY');
  if (proxy === '' || isOwn(hostName(url.host)) || isExcepted(url, variable(env, 'NO_PROXY'))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function variable(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

function isOwn(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** NO_PROXY: "*", or names (with all below them), ".names" (only below), addresses and CIDRs, each with :PORT if wanted. */
function isExcepted(url: URL, exceptions: string): boolean {
  const name = hostName(url.host).toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return exceptions
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && excepts(entry, name, port));
}

function excepts(entry: string, name: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isIP(name) !== 0 && isWithin(entry, name);
  const [, wanted = entry, wantedPort] = isIP(entry) === 6 ? [] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? []);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const domain = wanted.replace(/^\*(?=\.)/, '');
  if (domain.startsWith('.')) return name.endsWith(domain);
  return name === domain.replace(/^\[(.*)\]$/, '$1') || name.endsWith(`.${domain}`);
}

function isWithin(cidr: string, address: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  const version = isIP(network);
  const prefix = Number(bits);
  if (version !== isIP(address) || !/^\d+$/.test(bits) || prefix > (version === 6 ? 128 : 32)) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const networks = new BlockList();
  networks.addSubnet(network, prefix, family);
  return networks.check(address, family);
}
