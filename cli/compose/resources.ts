/** The top-level networks, volumes, configs and secrets: their names in the cluster, and what they are made of. */
import { isIPv6 } from 'node:net';
import type { ConfigSpec, NetworkSpec, SecretSpec, VolumeSpec } from '../../proto/generated/gantry/v1/types.ts';
import { type EnvironmentContext, readProjectFile } from './environment.ts';
import { CONFIG_KEYS, IPAM_CONFIG_KEYS, IPAM_KEYS, NETWORK_KEYS, SECRET_KEYS, VOLUME_KEYS } from './keys.ts';
import type { Cursor, KeySet } from './syntax/cursor.ts';
import { checkContent, readLabelTemplates, readTemplate, readTemplateDriver } from './templates.ts';

export const STACK_LABEL = 'com.docker.stack.namespace';

/** A resource by the name it has in the compose file. */
export interface Resource<Spec> {
  /** As the cluster names it. */
  readonly fullName: string;
  /** Undefined: external, it exists already. */
  readonly spec: Spec | undefined;
}

export interface ResourceContext extends EnvironmentContext {
  readonly stackName: string;
  readonly readBytes: (path: string) => Uint8Array | undefined;
}

/** Reads one section; `read` is called for those that aren't external, `readName` for names that are given. */
function readSection<Spec>(
  section: Cursor | undefined,
  keys: KeySet,
  context: ResourceContext,
  read: (entry: Cursor, fullName: string) => Spec,
  readName: (cursor: Cursor) => string = (cursor) => cursor.string(),
): Map<string, Resource<Spec>> {
  const resources = new Map<string, Resource<Spec>>();
  if (section === undefined || section.isNull) return resources;
  for (const [name, entry] of section.attempt((cursor) => cursor.entries()) ?? []) {
    const resource = entry.attempt(() => {
      if (!entry.isNull) entry.checkKeys(keys);
      const given = entry.isNull ? undefined : entry.field('name', readName);
      if (!entry.isNull && isExternal(entry))
        return { fullName: externalName(entry) ?? given ?? name, spec: undefined };
      const fullName = given ?? `${context.stackName}_${name}`;
      return { fullName, spec: read(entry, fullName) };
    });
    if (resource !== undefined) resources.set(name, resource);
  }
  return resources;
}

function isExternal(entry: Cursor): boolean {
  const external = entry.child('external');
  if (external === undefined || external.isNull) return false;
  return external.tree.kind === 'mapping' || external.boolean();
}

/** `external: { name: x }`, the old form. */
function externalName(entry: Cursor): string | undefined {
  const external = entry.child('external');
  return external?.tree.kind === 'mapping' ? external.field('name', (cursor) => cursor.string()) : undefined;
}

function labelsOf(entry: Cursor, context: ResourceContext): Record<string, string> {
  const own = entry.isNull ? undefined : entry.field('labels', (cursor) => cursor.labels());
  return { ...own, [STACK_LABEL]: context.stackName };
}

function optionsOf(entry: Cursor): Record<string, string> {
  return entry.isNull ? {} : (entry.field('driver_opts', (cursor) => cursor.labels()) ?? {});
}

export function readNetworks(
  section: Cursor | undefined,
  context: ResourceContext,
): Map<string, Resource<NetworkSpec>> {
  return readSection(section, NETWORK_KEYS, context, (entry, name) => readNetwork(entry, name, context));
}

function readNetwork(entry: Cursor, name: string, context: ResourceContext): NetworkSpec {
  const flag = (key: string) => (entry.isNull ? false : (entry.field(key, (cursor) => cursor.boolean()) ?? false));
  const driver = entry.isNull ? undefined : entry.field('driver', readNetworkDriver);
  const ipam = entry.isNull ? undefined : entry.field('ipam', readIpam);
  return {
    annotations: { name, labels: labelsOf(entry, context) },
    driver: driver ?? 'overlay',
    configFrom: '',
    driverOpts: optionsOf(entry),
    internal: flag('internal'),
    attachable: flag('attachable'),
    subnet: ipam?.subnet ?? '',
    gateway: ipam?.gateway ?? '',
    ipRange: ipam?.ipRange ?? '',
    enableIpv6: flag('enable_ipv6'),
    ipv6Subnet: ipam?.ipv6Subnet ?? '',
    ipv6Gateway: ipam?.ipv6Gateway ?? '',
  };
}

function readNetworkDriver(cursor: Cursor): 'bridge' | 'overlay' | 'macvlan' {
  if (cursor.string() !== 'ipvlan') return cursor.oneOf(['bridge', 'overlay', 'macvlan']);
  throw cursor.problem(
    '"ipvlan" is not supported',
    'use macvlan: it takes driver_opts: { parent: eth0 } too, and gives each task a MAC address of its own',
  );
}

type Ipam = Pick<NetworkSpec, 'subnet' | 'gateway' | 'ipRange' | 'ipv6Subnet' | 'ipv6Gateway'>;

/** One config of IPv4 and one of IPv6 at most, in either order. */
function readIpam(ipam: Cursor): Ipam {
  ipam.checkKeys(IPAM_KEYS);
  ipam.field('driver', (cursor) => cursor.oneOf(['default']));
  const configs = ipam.field('config', (cursor) => cursor.items(readIpamConfig)) ?? [];
  const [ipv4, ipv6] = [false, true].map((wanted) => configs.filter(({ isIpv6 }) => isIpv6 === wanted));
  if ((ipv4?.length ?? 0) > 1 || (ipv6?.length ?? 0) > 1) {
    throw ipam.problem('a network has one subnet of IPv4 and one of IPv6', 'keep one of each');
  }
  return {
    subnet: ipv4?.[0]?.subnet ?? '',
    gateway: ipv4?.[0]?.gateway ?? '',
    ipRange: ipv4?.[0]?.ipRange ?? '',
    ipv6Subnet: ipv6?.[0]?.subnet ?? '',
    ipv6Gateway: ipv6?.[0]?.gateway ?? '',
  };
}

function readIpamConfig(item: Cursor): { isIpv6: boolean; subnet: string; gateway: string; ipRange: string } {
  item.checkKeys(IPAM_CONFIG_KEYS);
  const subnet = item.field('subnet', readSubnet) ?? '';
  const gateway = item.field('gateway', (child) => child.string()) ?? '';
  const isIpv6 = (subnet || gateway).includes(':');
  const readRange = (child: Cursor) => {
    if (!isIpv6) return readSubnet(child);
    throw child.problem(
      'addresses of IPv6 have no range of their own',
      'remove it: they go with those of IPv4, which can have one',
    );
  };
  return { isIpv6, subnet, gateway, ipRange: item.field('ip_range', readRange) ?? '' };
}

function readSubnet(cursor: Cursor): string {
  const text = cursor.string();
  // Its bits are the managers' to judge.
  const [address = '', length = ''] = text.split('/');
  if (isIPv6(address) && /^\d{1,3}$/.test(length) && Number(length) <= 128) return text;
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const valid = match?.slice(1, 5).every((byte) => Number(byte) < 256) === true && Number(match[5]) <= 30;
  if (!valid) throw cursor.problem(`"${text}" is not a subnet`, 'write it as 10.20.0.0/24, or fd00:1:2:3::/64');
  return text;
}

/** Names, options and labels of volumes may be templates. */
export function readVolumes(section: Cursor | undefined, context: ResourceContext): Map<string, Resource<VolumeSpec>> {
  const read = (entry: Cursor): VolumeSpec => {
    const templates = (key: string) => (entry.isNull ? {} : (entry.field(key, readLabelTemplates) ?? {}));
    return {
      driver: (entry.isNull ? undefined : entry.field('driver', (cursor) => cursor.oneOf(['local']))) ?? 'local',
      driverOpts: templates('driver_opts'),
      labels: { ...templates('labels'), [STACK_LABEL]: context.stackName },
    };
  };
  return readSection(section, VOLUME_KEYS, context, read, readTemplate);
}

export function readConfigs(section: Cursor | undefined, context: ResourceContext): Map<string, Resource<ConfigSpec>> {
  return readSection(section, CONFIG_KEYS, context, (entry, name) => ({
    annotations: { name, labels: labelsOf(entry, context) },
    ...readContent(entry, ['file', 'content', 'environment'], context),
  }));
}

export function readSecrets(section: Cursor | undefined, context: ResourceContext): Map<string, Resource<SecretSpec>> {
  return readSection(section, SECRET_KEYS, context, (entry, name) => ({
    annotations: { name, labels: labelsOf(entry, context) },
    ...readContent(entry, ['file', 'environment'], context),
  }));
}

/** As much as swarm allows; larger data belongs into an image or a volume. */
const MAX_CONTENT_BYTES = 1024 * 1024;

type Source = 'file' | 'content' | 'environment';

function readContent(
  entry: Cursor,
  sources: readonly Source[],
  context: ResourceContext,
): Pick<ConfigSpec, 'data' | 'templateDriver'> {
  const given = entry.isNull ? [] : sources.filter((source) => entry.child(source)?.isNull === false);
  const [source] = given;
  const choice = sources.join(', ');
  if (source === undefined) throw entry.problem('says not where its content is', `add one of ${choice}, or external`);
  if (given.length > 1) throw entry.problem(`has several of ${choice}`, 'keep one');
  const cursor = entry.child(source) ?? entry;
  const data = contentOf(cursor, source, context);
  if (data.byteLength > MAX_CONTENT_BYTES) {
    throw cursor.problem(`the content has ${data.byteLength} bytes`, `at most ${MAX_CONTENT_BYTES} are allowed`);
  }
  const templateDriver = entry.field('template_driver', readTemplateDriver) ?? '';
  if (templateDriver !== '') checkContent(cursor, data, source === 'file' ? cursor.string() : '');
  return { data, templateDriver };
}

function contentOf(cursor: Cursor, source: Source, context: ResourceContext): Buffer {
  const text = cursor.string();
  switch (source) {
    case 'content':
      return Buffer.from(text);
    case 'environment': {
      const value = context.lookup(text);
      if (value === undefined) throw cursor.problem(`the variable ${text} is not set`, 'set it before deploying');
      return Buffer.from(value);
    }
    case 'file': {
      const data = readProjectFile(cursor, context.projectDirectory, text, context.readBytes);
      if (data === undefined) throw cursor.problem(`file "${text}" not found`, 'make it, or correct the path');
      return Buffer.from(data);
    }
  }
}
