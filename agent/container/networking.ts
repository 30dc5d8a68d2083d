/** A container's network when it starts: its namespace, and the files that go with it. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { Sandbox, SandboxRequest } from '../network/networks.ts';
import { refuseUnattachable } from './attachable.ts';
import { readBundle } from './bundle.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { type NetworkMode, networkModeOf, publishedPorts } from './network-mode.ts';
import type { OwnBind } from './spec/mounts.ts';
import type { NamespaceSource } from './spec/namespaces.ts';

const SHORT_ID = 12;
const NETWORK_FILES = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);

export interface Networking {
  readonly namespace: NamespaceSource;
  /** /etc/hosts, /etc/hostname, /etc/resolv.conf */
  readonly binds: readonly OwnBind[];
  readonly hostname: string;
  /** Undefined when the network is somebody else's. */
  readonly sandbox: Sandbox | undefined;
}

export async function setUpNetworking(
  context: ContainerContext,
  entry: ContainerEntry,
  spec: ContainerSpec,
): Promise<Networking> {
  const mode = networkModeOf(entry.record);
  switch (mode.kind) {
    case 'host':
      return hostNetworking(containerPaths(context.roots, entry.id).bundle, spec);
    case 'container':
      return peerNetworking(context, mode.reference);
    default:
      return sandboxNetworking(context, entry, spec, mode);
  }
}

/** The name by which a container knows itself. */
export function ownHostname(id: string, spec: ContainerSpec): string {
  if (spec.utsMode === 'host') return hostname();
  return spec.hostname || id.slice(0, SHORT_ID);
}

async function sandboxNetworking(
  context: ContainerContext,
  entry: ContainerEntry,
  spec: ContainerSpec,
  mode: Extract<NetworkMode, { kind: 'networks' | 'none' }>,
): Promise<Networking> {
  const request = sandboxRequest(entry, spec, mode);
  if (entry.record.taskId === '') for (const { target } of request.networks) refuseUnattachable(context, target);
  const sandbox = await context.networks.setup(request);
  return {
    namespace: { path: sandbox.netnsPath },
    binds: networkBinds(sandbox.hostsPath, sandbox.hostnamePath, sandbox.resolvConfPath),
    hostname: request.hostname,
    sandbox,
  };
}

export function sandboxRequest(
  { record }: Pick<ContainerEntry, 'record'>,
  spec: ContainerSpec,
  mode: Extract<NetworkMode, { kind: 'networks' | 'none' }>,
): SandboxRequest {
  return {
    containerId: record.id,
    taskId: record.taskId,
    names: [record.name, ...(spec.containerName === '' ? [] : [spec.containerName]), record.id.slice(0, SHORT_ID)],
    hostname: ownHostname(record.id, spec),
    domainname: spec.domainname,
    networks: mode.kind === 'networks' ? mode.attachments : [],
    ports: publishedPorts(record.config, [...record.image.exposedPorts, ...record.config.expose]),
    dns: spec.dns,
    dnsSearch: spec.dnsSearch,
    dnsOptions: spec.dnsOptions,
    extraHosts: spec.extraHosts,
  };
}

function networkBinds(hosts: string, hostnameFile: string, resolvConf: string): OwnBind[] {
  return [
    { source: hosts, target: '/etc/hosts', readOnly: false },
    { source: hostnameFile, target: '/etc/hostname', readOnly: false },
    { source: resolvConf, target: '/etc/resolv.conf', readOnly: false },
  ];
}

/** Copies of the host's files: the container may write to its own. */
function hostNetworking(bundle: string, spec: ContainerSpec): Networking {
  const name = spec.hostname || hostname();
  const hosts = join(bundle, 'hosts');
  const hostnameFile = join(bundle, 'hostname');
  const resolvConf = join(bundle, 'resolv.conf');
  writeFileSync(hosts, readFileSync('/etc/hosts', 'utf8') + spec.extraHosts.map(hostsLine).join(''));
  writeFileSync(hostnameFile, `${name}\n`);
  if (spec.dns.length + spec.dnsSearch.length + spec.dnsOptions.length === 0)
    copyFileSync('/etc/resolv.conf', resolvConf);
  else writeFileSync(resolvConf, resolvConfText(spec, readFileSync('/etc/resolv.conf', 'utf8')));
  return {
    namespace: 'host',
    binds: networkBinds(hosts, hostnameFile, resolvConf),
    hostname: name,
    sandbox: undefined,
  };
}

/** HOST:IP as a line of /etc/hosts, of a container in the host's own network. */
export function hostsLine(entry: string): string {
  const colon = entry.indexOf(':');
  const address = entry.slice(colon + 1).replace(/^\[|\]$/g, '');
  // The host is where the container is.
  return `${address === 'host-gateway' ? '127.0.0.1' : address}\t${entry.slice(0, colon)}\n`;
}

/** What the container doesn't say is as on the host. Source: resolv.conf(5). */
export function resolvConfText(spec: Pick<ContainerSpec, 'dns' | 'dnsSearch' | 'dnsOptions'>, host: string): string {
  const hostLines = (keyword: string) => host.split('\n').filter((line) => line.startsWith(`${keyword} `));
  const lines = [
    ...(spec.dns.length > 0 ? spec.dns.map((server) => `nameserver ${server}`) : hostLines('nameserver')),
    ...(spec.dnsSearch.length > 0 ? [`search ${spec.dnsSearch.join(' ')}`] : hostLines('search')),
    ...(spec.dnsOptions.length > 0 ? [`options ${spec.dnsOptions.join(' ')}`] : hostLines('options')),
  ];
  return `${lines.join('\n')}\n`;
}

/** Another container's, which must run: its files are those that it was started with, wherever they came from. */
function peerNetworking(context: ContainerContext, reference: string): Networking {
  const peer = context.index.get(reference);
  const pid = runningPid(peer);
  const spec = readBundle(containerPaths(context.roots, peer.id));
  const binds = spec.mounts.filter(({ destination }) => NETWORK_FILES.has(destination));
  return {
    namespace: { path: `/proc/${pid}/ns/net` },
    binds: binds.map(({ source, destination }) => ({ source, target: destination, readOnly: false })),
    hostname: spec.hostname ?? hostname(),
    sandbox: undefined,
  };
}

/** The first process of a container whose namespaces another one is to join. WRONG_STATE when it doesn't run. */
export function runningPid(peer: ContainerEntry): number {
  if (peer.run !== undefined) return peer.run.shim.pid;
  throw new GantryError(
    'WRONG_STATE',
    `container ${peer.record.name} is not running, so its namespaces can't be joined`,
    {
      hint: 'start it first',
    },
  );
}
