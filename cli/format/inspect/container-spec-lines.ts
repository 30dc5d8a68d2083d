/** What a service's containers are, as `service inspect --pretty` tells people: only what says something. */
import type { ContainerSpec, FileReference, Healthcheck } from '../../../proto/generated/gantry/v1/types.ts';
import { goDuration } from '../duration.ts';
import { cgroupLines } from './cgroup-fields.ts';
import { hostText, mountTypeName } from './container-spec-fields.ts';

export function containerSpecLines(container: ContainerSpec): string[] {
  return [
    'ContainerSpec:',
    ...processLines(container),
    ...isolationLines(container),
    ...healthLines(container.healthcheck),
    ...mountLines(container),
    ...fileLines('Secrets', container.secrets),
    ...fileLines('Configs', container.configs),
  ];
}

function processLines(container: ContainerSpec): string[] {
  return [
    ...line('Image', container.image),
    ...line('Command', container.entrypoint?.items.join(' ')),
    ...line('Args', container.command?.items.join(' ')),
    ...line('Env', container.env.join(' ')),
    ...line('Dir', container.dir),
    ...line('User', container.user),
    ...line('Groups', container.groups.join(' ')),
    ...line('Labels', pairs(container.labels)),
    ...line('Hostname', container.hostname),
    ...line('ContainerName', container.containerName),
    ...line('NetworkMode', container.networkOf === '' ? '' : `service:${container.networkOf}`),
    ...line('Hosts', container.extraHosts.map(hostText).join(', ')),
    ...line('DNS', container.dns.join(' ')),
    ...line('DNS Search', container.dnsSearch.join(' ')),
    ...line('DNS Options', container.dnsOptions.join(' ')),
    ...container.preStart.flatMap(({ hook }) => line('PreStart', hook?.argv.join(' ') ?? '')),
    ...container.postStart.flatMap(({ argv }) => line('PostStart', argv.join(' '))),
    ...container.preStop.flatMap(({ argv }) => line('PreStop', argv.join(' '))),
    ...line('StopSignal', container.stopSignal),
  ];
}

function isolationLines(container: ContainerSpec): string[] {
  const limits = container.ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`);
  return [
    ...line('Init', yes(container.init)),
    ...line('TTY', yes(container.tty)),
    ...line('ReadOnly', yes(container.readOnly)),
    ...line('CapabilityAdd', container.capAdd.join(' ')),
    ...line('CapabilityDrop', container.capDrop.join(' ')),
    ...line('Sysctls', pairs(container.sysctls)),
    ...line('Ulimits', limits.join(' ')),
    ...line('OomScoreAdj', container.oomScoreAdj === 0 ? '' : String(container.oomScoreAdj)),
    ...cgroupLines(container.cgroup),
    ...line('CgroupnsMode', container.cgroupnsMode),
    ...line('CgroupParent', container.cgroupParent),
    ...line('Annotations', pairs(container.ociAnnotations)),
    ...line('UnconfinedSystemPaths', yes(container.unconfinedSystemPaths)),
  ];
}

function healthLines(health: Healthcheck | undefined): string[] {
  if (health === undefined) return [];
  const time = (milliseconds: number) => (milliseconds === 0 ? '' : goDuration(milliseconds));
  return [
    'Healthcheck:',
    ...line('Test', health.test.join(' ')),
    ...line('Interval', time(health.intervalMs)),
    ...line('Timeout', time(health.timeoutMs)),
    ...line('Retries', health.retries === 0 ? '' : String(health.retries)),
    ...line('StartPeriod', time(health.startPeriodMs)),
    ...line('StartInterval', time(health.startIntervalMs)),
  ];
}

function mountLines({ mounts }: ContainerSpec): string[] {
  if (mounts.length === 0) return [];
  const each = mounts.flatMap((mount) => [
    ` Target:\t${mount.target}`,
    ...(mount.source === '' ? [] : [`  Source:\t${mount.source}`]),
    `  ReadOnly:\t${mount.readOnly}`,
    `  Type:\t${mountTypeName(mount)}`,
  ]);
  return ['Mounts:', ...each];
}

function fileLines(title: string, files: readonly FileReference[]): string[] {
  if (files.length === 0) return [];
  return [`${title}:`, ...files.flatMap(({ target, name }) => [` Target:\t${target}`, `  Source:\t${name}`])];
}

function pairs(record: Readonly<Record<string, string>>): string {
  return Object.entries(record)
    .sort()
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

function yes(value: boolean): string {
  return value ? 'true' : '';
}

function line(name: string, value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [` ${name}:\t${value}`];
}
