/** Whether a container can be made at all, before anything is: what is wrong with its configuration by itself. */
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { parseCdiName } from '../../proto/cdi-device.ts';
import { validateCgroupParent } from '../../proto/cgroup-parent.ts';
import { validateContainerName } from '../../proto/container-name.ts';
import { GantryError } from '../../proto/errors.ts';
import { type ContainerConfig, LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import {
  type ContainerSpec,
  type Device,
  type Healthcheck,
  ResourceAmounts,
} from '../../proto/generated/gantry/v1/types.ts';
import { checkHook, hooksOf } from '../../proto/hook.ts';
import { checkLogConfig } from '../../proto/log/log-driver.ts';
import { type NetworkMode, parseNetworkMode } from './network-mode.ts';
import { parseSignal } from './signals.ts';
import { boundingSet } from './spec/capabilities.ts';
import { validateCgroupSettings } from './spec/cgroup-settings.ts';
import type { HostFacts } from './spec/host-facts.ts';
import { validateMounts, validTarget } from './spec/mounts.ts';
import { parseNamespaceMode } from './spec/namespaces.ts';
import { validateLimits } from './spec/resources.ts';
import { validateUlimit } from './spec/rlimits.ts';
import { parseSeccompProfile } from './spec/seccomp.ts';
import { type SysctlScope, validateSysctls } from './spec/sysctls.ts';

/** Throws INVALID_ARGUMENT, UNSUPPORTED. Returns the spec, which a request may lack on the wire. */
export function validateConfig(config: ContainerConfig, host: HostFacts): ContainerSpec {
  const { spec } = config;
  if (spec === undefined || spec.image === '') throw invalid('a container needs an image');
  if (config.name !== '') validateContainerName(config.name);
  if (spec.containerName !== '') validateContainerName(spec.containerName);
  checkLogConfig(config.name === '' ? 'container' : `container ${config.name}`, config.log);
  const limits = config.limits ?? ResourceAmounts.create();
  validateLimits(limits, host.cpus);
  if (spec.cgroup !== undefined) validateCgroupSettings(spec.cgroup, limits, host);
  validateRestart(config);
  const network = parseNetworkMode(config.networks);
  validateNetworking(config, spec, network);
  validateProcess(spec);
  validateIsolation(spec, network, host);
  validateMounts(spec.mounts);
  for (const device of spec.devices) validateDevice(device);
  for (const name of spec.cdiDevices) validateCdiName(name);
  return spec;
}

function validateRestart({ autoRemove, restart, restartMaxAttempts }: ContainerConfig): void {
  if (autoRemove && restart !== LocalRestart.NO) {
    throw invalid('a container that is removed at its end can have no restart policy', 'drop --rm or --restart');
  }
  if (restartMaxAttempts !== 0 && restart !== LocalRestart.ON_FAILURE) {
    throw invalid('a number of restarts can only be given with the policy on-failure');
  }
}

function validateNetworking(config: ContainerConfig, spec: ContainerSpec, network: NetworkMode): void {
  const shares = network.kind === 'host' || network.kind === 'container';
  if (shares && (config.ports.length > 0 || config.publishAll)) {
    throw invalid(
      `ports can't be published for a container in the network of ${describe(network)}`,
      "drop the ports: the container's are open there already",
    );
  }
  if (network.kind === 'container' && spec.hostname !== '') {
    throw invalid("a container in another's network has that one's hostname", 'drop the hostname');
  }
  if (network.kind === 'container' && spec.dns.length + spec.extraHosts.length > 0) {
    throw invalid("a container in another's network has that one's DNS and hosts", 'set them there');
  }
  for (const address of spec.dns) {
    if (isIP(address) === 0) throw invalid(`the DNS server "${address}" is not an IP address`);
  }
  for (const entry of spec.extraHosts) validateExtraHost(entry);
}

function describe(network: NetworkMode): string {
  return network.kind === 'container' ? `container ${network.reference}` : 'the host';
}

function validateExtraHost(entry: string): void {
  const colon = entry.indexOf(':');
  const address = entry.slice(colon + 1).replace(/^\[|\]$/g, '');
  if (colon > 0 && (address === 'host-gateway' || isIP(address) !== 0)) return;
  throw invalid(`"${entry}" is not HOST:IP`, 'the IP may be "host-gateway"');
}

function validateProcess(spec: ContainerSpec): void {
  if (spec.dir !== '' && !posix.isAbsolute(spec.dir))
    throw invalid(`the working directory "${spec.dir}" is not absolute`);
  for (const entry of spec.env) {
    if (entry === '' || entry.startsWith('=') || entry.includes('\0')) throw invalid(`"${entry}" is not KEY=VALUE`);
  }
  if (spec.stopSignal !== '') parseSignal(spec.stopSignal);
  for (const ulimit of spec.ulimits) validateUlimit(ulimit);
  if (spec.oomScoreAdj < -1000 || spec.oomScoreAdj > 1000) throw invalid('oom_score_adj goes from -1000 to 1000');
  if (spec.healthcheck !== undefined) validateHealthcheck(spec.healthcheck);
  for (const hook of hooksOf(spec)) checkHook('the container', hook);
}

const HEALTH_KINDS = new Set(['NONE', 'CMD', 'CMD-SHELL']);

function validateHealthcheck(check: Healthcheck): void {
  const [kind, ...rest] = check.test;
  if (kind !== undefined && !HEALTH_KINDS.has(kind)) {
    throw invalid(`unknown kind of healthcheck "${kind}"`, `one of ${[...HEALTH_KINDS].join(', ')}`);
  }
  if (kind !== undefined && kind !== 'NONE' && rest.length === 0) throw invalid('the healthcheck has no command');
  const { intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = check;
  if (Math.min(intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries) < 0) {
    throw invalid("a healthcheck's times and retries can't be negative");
  }
}

function validateIsolation(spec: ContainerSpec, network: NetworkMode, host: HostFacts): void {
  boundingSet({ add: spec.capAdd, drop: spec.capDrop, privileged: false, available: host.capabilities });
  if (spec.seccompProfile !== '' && spec.seccompProfile !== 'unconfined') parseSeccompProfile(spec.seccompProfile);
  parseNamespaceMode('pid', spec.pidMode);
  if (parseNamespaceMode('cgroup namespace', spec.cgroupnsMode).kind === 'container')
    throw invalid("a container can't share another's cgroup namespace", 'write "host", "private" or nothing');
  validateCgroupParent(spec.cgroupParent);
  validateAnnotations(spec.ociAnnotations);
  const ipc = parseNamespaceMode('ipc', spec.ipcMode);
  const uts = parseNamespaceMode('uts', spec.utsMode);
  if (uts.kind === 'container')
    throw invalid("a container can't share another's UTS namespace", 'write "host" or nothing');
  if (uts.kind === 'host' && spec.hostname !== '')
    throw invalid("a container with the host's UTS namespace can't set a hostname");
  validateHostname(spec.hostname);
  const shared = new Set<SysctlScope>();
  if (network.kind === 'host' || network.kind === 'container') shared.add('network');
  if (ipc.kind !== 'private') shared.add('ipc');
  validateSysctls(spec.sysctls, shared);
  for (const { target } of [...spec.secrets, ...spec.configs]) validTarget(target);
}

/** Source: OCI runtime specification, config.md: keys must not be empty. */
function validateAnnotations(annotations: Readonly<Record<string, string>>): void {
  if (Object.hasOwn(annotations, '')) throw invalid('an annotation needs a name');
}

function validateHostname(hostname: string): void {
  // sethostname(2) takes 64 bytes.
  if (hostname === '' || (hostname.length <= 64 && /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(hostname))) return;
  throw invalid(`invalid hostname "${hostname}"`, 'at most 64 letters, digits, "-" and "."');
}

function validateDevice({ hostPath, containerPath, permissions }: Device): void {
  if (!posix.isAbsolute(hostPath)) throw invalid(`the device path "${hostPath}" is not absolute`);
  if (containerPath !== '') validTarget(containerPath);
  if (!/^[rwm]{0,3}$/.test(permissions)) {
    throw invalid(`invalid permissions "${permissions}" of device ${hostPath}`, 'some of r, w and m');
  }
}

function validateCdiName(name: string): void {
  if (parseCdiName(name) !== undefined) return;
  throw invalid(`"${name}" is not the name of a CDI device`, 'write VENDOR/CLASS=NAME, such as nvidia.com/gpu=0');
}

function invalid(message: string, hint?: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, hint === undefined ? {} : { hint });
}
