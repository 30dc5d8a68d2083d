/** The files that tell a container its own names and where to ask for others': hosts, hostname, resolv.conf. */
import { GantryError } from '../../proto/errors.ts';
import type { ResolvConf } from './dns/resolv-conf.ts';

/** Address of the name server in each container's network namespace, as with Docker. */
export const RESOLVER_ADDRESS = '127.0.0.11';
const HOST_GATEWAY = 'host-gateway';

const LOCAL_NAMES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

export interface HostsFile {
  readonly hostname: string;
  readonly domainname: string;
  readonly addresses: readonly string[];
  /** HOST:IP, or HOST=IP; the IP may be "host-gateway" */
  readonly extraHosts: readonly string[];
  /** What "host-gateway" stands for; undefined when the container has no way to its host. */
  readonly hostGateway: string | undefined;
}

/** hosts(5). Throws INVALID_ARGUMENT for a malformed extra host. */
export function renderHosts(file: HostsFile): string {
  const extra = file.extraHosts.map((entry) => renderExtraHost(entry, file.hostGateway));
  return lines([...LOCAL_NAMES, ...extra, ...ownLines(file)]);
}

/** The file of a container that has other addresses than before; lines that others have added stay as they are. */
export function replaceOwnHosts(
  text: string,
  names: Pick<HostsFile, 'hostname' | 'domainname'>,
  before: readonly string[],
  after: readonly string[],
): string {
  const gone = new Set(ownLines({ ...names, addresses: before }));
  const kept = text.split('\n').filter((line) => line !== '' && !gone.has(line));
  return lines([...kept, ...ownLines({ ...names, addresses: after })]);
}

function ownLines(file: Pick<HostsFile, 'hostname' | 'domainname' | 'addresses'>): string[] {
  const qualified = file.domainname === '' ? [] : [`${file.hostname}.${file.domainname}`];
  const names = [...qualified, file.hostname].join(' ');
  return file.hostname === '' ? [] : file.addresses.map((address) => `${address}\t${names}`);
}

function renderExtraHost(entry: string, hostGateway: string | undefined): string {
  const match = /^([^\s:=]+)[:=](.+)$/.exec(entry);
  const [, name, value] = match ?? [];
  if (name === undefined || value === undefined || /\s/.test(value)) {
    throw new GantryError('INVALID_ARGUMENT', `invalid extra host "${entry}"`, { hint: 'write HOST:IP' });
  }
  if (value !== HOST_GATEWAY) return `${value.replace(/^\[(.*)\]$/, '$1')}\t${name}`;
  if (hostGateway !== undefined) return `${hostGateway}\t${name}`;
  throw new GantryError('INVALID_ARGUMENT', `extra host "${entry}": the container has no network with a gateway`);
}

export interface ContainerResolvConf {
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** What the container inherits where nothing was asked for. */
  readonly host: ResolvConf;
}

/** resolv.conf(5). A search list of "." means none. */
export function renderResolvConf(file: ContainerResolvConf): string {
  const search = (file.dnsSearch.length > 0 ? file.dnsSearch : file.host.search).filter((domain) => domain !== '.');
  const options = file.dnsOptions.length > 0 ? file.dnsOptions : file.host.options;
  const ndots = options.some((option) => option.startsWith('ndots:')) ? [] : ['ndots:0'];
  return lines([
    `nameserver ${RESOLVER_ADDRESS}`,
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    `options ${[...options, ...ndots].join(' ')}`,
  ]);
}

export function renderHostname(hostname: string): string {
  return lines([hostname]);
}

function lines(items: readonly string[]): string {
  return `${items.join('\n')}\n`;
}
