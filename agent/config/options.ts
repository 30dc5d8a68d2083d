/**
 * gantryd's options: flags win over the environment, that over the file, that over the defaults. A pure function of
 * the three; reading the file is in load.ts.
 */
import { posix } from 'node:path';
import { DEFAULT_HOST, parseAddress } from '../../proto/address.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { GenericResource } from '../../proto/generated/gantry/v1/types.ts';
import { parseGenericResources } from '../../proto/generic-resource.ts';
import { checkStoreFiles, parseStoreAddress, type StoreFiles } from '../../proto/store-address.ts';
import { CERTIFICATE_DIRECTORIES } from '../registry/host-certificates.ts';
import { isCidr } from '../registry/insecure-hosts.ts';
import type { RegistrySettings } from '../registry/registry-settings.ts';
import type { RegistryServerOptions } from '../registry-server/registry-options.ts';
import { absolutePath, type Given, invalid, listenAddress, optionalPath } from './given.ts';
import { registryServerOptions } from './registry-server-options.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface DaemonOptions {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Paths of unix sockets to listen on; at least one. */
  readonly sockets: readonly string[];
  /** IP[:PORT], or empty. */
  readonly advertiseAddr: string;
  readonly name: string;
  /** Of this host's engine, for placement constraints: engine.labels.NAME. */
  readonly labels: Readonly<Record<string, string>>;
  /** What this host has that services can reserve, such as GPUs. */
  readonly genericResources: readonly GenericResource[];
  readonly logLevel: LogLevel;
  readonly store: StoreOptions;
  /** IP:PORT where gantryd serves /metrics, /healthz and /readyz; empty: nowhere. */
  readonly metricsAddr: string;
  /** The same of this host's manager, if it has one. */
  readonly managerMetricsAddr: string;
  readonly registries: RegistrySettings;
  readonly registryServer: RegistryServerOptions;
  /** Percent of the disk with DATA_ROOT: when more is used, images that nobody needs are removed. 0: never. */
  readonly imageGcHigh: number;
}

/** Where the cluster's managers keep their log. */
export interface StoreOptions {
  /** Of an etcd cluster, see parseStoreAddress; empty: with the managers themselves. */
  readonly address: string;
  readonly files: StoreFiles;
}

export const NO_STORE: StoreOptions = { address: '', files: { ca: '', cert: '', key: '' } };

/** Options that may be given more than once. */
export const LIST_OPTIONS: ReadonlySet<OptionName> = new Set([
  'host',
  'labels',
  'node-generic-resources',
  'registry-mirrors',
  'insecure-registries',
  'registry-hosts',
]);

/** One source's settings, by option; only LIST_OPTIONS are ever more than one. */
export type Settings = Partial<Record<OptionName, readonly Given[]>>;

export const OPTION_NAMES = [
  'data-root',
  'exec-root',
  'host',
  'advertise-addr',
  'name',
  'labels',
  'node-generic-resources',
  'log-level',
  'store',
  'store-ca',
  'store-cert',
  'store-key',
  'metrics-addr',
  'manager-metrics-addr',
  'registry-mirrors',
  'insecure-registries',
  'registry-certs',
  'registry-addr',
  'registry-cert',
  'registry-key',
  'registry-users',
  'registry-hosts',
  'registry-insecure',
  'image-gc-high',
] as const;
export type OptionName = (typeof OPTION_NAMES)[number];

/** `sources`: the strongest first. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function resolveOptions(sources: readonly Settings[], hostname: string): DaemonOptions {
  const strongest = (name: OptionName): readonly Given[] =>
    sources.find((one) => one[name] !== undefined)?.[name] ?? [];
  const one = (name: OptionName, fallback: string): Given =>
    strongest(name).at(-1) ?? { value: fallback, origin: `default of --${name}` };
  const execRoot = absolutePath(one('exec-root', '/run/gantry'));
  const hosts = strongest('host');
  return {
    dataRoot: absolutePath(one('data-root', '/var/lib/gantry')),
    execRoot,
    sockets: hosts.length > 0 ? hosts.map(socketPath) : [defaultSocket(execRoot)],
    advertiseAddr: advertiseAddress(one('advertise-addr', '')),
    name: nodeName(one('name', hostname)),
    labels: engineLabels(strongest('labels')),
    genericResources: genericResources(strongest('node-generic-resources')),
    logLevel: logLevel(one('log-level', 'info')),
    store: storeOptions(one('store', ''), {
      ca: optionalPath(one('store-ca', '')),
      cert: optionalPath(one('store-cert', '')),
      key: optionalPath(one('store-key', '')),
    }),
    ...metricsAddresses(one('metrics-addr', ''), one('manager-metrics-addr', '')),
    registries: {
      mirrors: strongest('registry-mirrors').map(mirrorUrl),
      insecure: strongest('insecure-registries').map(insecureRegistry),
      certificates: certificateDirectories(one('registry-certs', '')),
    },
    registryServer: registryServerOptions({
      address: one('registry-addr', ''),
      certificate: one('registry-cert', ''),
      key: one('registry-key', ''),
      users: one('registry-users', ''),
      hosts: strongest('registry-hosts'),
      insecure: one('registry-insecure', 'false'),
    }),
    imageGcHigh: percent(one('image-gc-high', '85')),
  };
}

/** Another daemon with roots of its own has its socket there, too: two must not fight for the well-known path. */
function defaultSocket(execRoot: string): string {
  return execRoot === '/run/gantry'
    ? socketPath({ value: DEFAULT_HOST, origin: '' })
    : posix.join(execRoot, 'gantry.sock');
}

/** From GANTRY_HOST and its like; those of LIST_OPTIONS may name several with commas. Empty variables count as unset. */
export function settingsFromEnvironment(env: Readonly<Record<string, string | undefined>>): Settings {
  const settings: Settings = {};
  for (const name of OPTION_NAMES) {
    const variable = environmentVariable(name);
    const text = env[variable] ?? '';
    if (text === '') continue;
    const values = LIST_OPTIONS.has(name) ? text.split(',') : [text];
    settings[name] = values.map((value) => ({ value: value.trim(), origin: variable }));
  }
  return settings;
}

export function environmentVariable(name: OptionName): string {
  return `GANTRY_${name.toUpperCase().replaceAll('-', '_')}`;
}

function socketPath(given: Given): string {
  const address = parseHost(given);
  if (address.kind === 'unix') return absolutePath({ value: address.path, origin: given.origin });
  throw new GantryError('UNSUPPORTED', `${given.origin}: gantryd doesn't listen on ${given.value}`, {
    hint: 'TCP is only offered with mutual TLS, which is not there yet; use unix:///PATH and ssh to reach it from afar',
  });
}

function parseHost({ value, origin }: Given): ReturnType<typeof parseAddress> {
  try {
    return parseAddress(value);
  } catch (cause) {
    throw invalid(origin, value, 'write unix:///PATH', cause);
  }
}

const IP_PORT =
  /^(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?|\[[0-9a-fA-F:.]+\](?::\d{1,5})?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/;

function advertiseAddress({ value, origin }: Given): string {
  if (value !== '' && !IP_PORT.test(value)) throw invalid(origin, value, 'write IP or IP:PORT');
  return value;
}

function nodeName({ value, origin }: Given): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(value)) return value;
  throw invalid(origin, value, 'use letters, digits, ".", "-" and "_"');
}

function engineLabels(given: readonly Given[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const { value, origin } of given) {
    const equals = value.indexOf('=');
    if (equals < 1) throw invalid(origin, value, 'write NAME=VALUE');
    labels[value.slice(0, equals)] = value.slice(equals + 1);
  }
  return labels;
}

function genericResources(given: readonly Given[]): GenericResource[] {
  const resources = parseGenericResources(given.map(({ value }) => value));
  if (Array.isArray(resources)) return resources;
  const { text, hint } = resources;
  throw invalid(given.findLast(({ value }) => value === text)?.origin ?? '--node-generic-resource', text, hint);
}

function logLevel({ value, origin }: Given): LogLevel {
  const level = LOG_LEVELS.find((known) => known === value);
  if (level === undefined) throw invalid(origin, value, `one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function percent({ value, origin }: Given): number {
  if (/^\d{1,2}$/.test(value)) return Number(value);
  throw invalid(origin, value, 'write a percentage from 1 to 99, or 0 to turn it off');
}

function storeOptions({ value: address, origin }: Given, files: StoreFiles): StoreOptions {
  try {
    checkStoreFiles(address === '' ? undefined : parseStoreAddress(address), files);
  } catch (cause) {
    const { code, message, hint } = toGantryError(cause);
    throw new GantryError(code, `${origin}: ${message}`, { hint, cause });
  }
  return { address, files };
}

function metricsAddresses(agent: Given, manager: Given): Pick<DaemonOptions, 'metricsAddr' | 'managerMetricsAddr'> {
  const [metricsAddr, managerMetricsAddr] = [listenAddress(agent), listenAddress(manager)];
  if (metricsAddr === '' || metricsAddr !== managerMetricsAddr) return { metricsAddr, managerMetricsAddr };
  throw invalid(manager.origin, manager.value, 'the manager is a process of its own: give it another port');
}

/** Without a slash at its end. */
function mirrorUrl({ value, origin }: Given): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url !== undefined && url.username === '' && url.search === '' && url.hash === '';
  if (isPlain && /^https?:$/.test(url.protocol)) return value.replace(/\/+$/, '');
  throw invalid(origin, value, 'write https://HOST[:PORT], without user and query');
}

function certificateDirectories(given: Given): readonly string[] {
  return given.value === '' ? CERTIFICATE_DIRECTORIES : [absolutePath(given)];
}

const HOST_PORT = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;

function insecureRegistry({ value, origin }: Given): string {
  if (HOST_PORT.test(value) || isCidr(value)) return value;
  throw invalid(origin, value, 'write HOST[:PORT] or a CIDR, without http://');
}
