/** Makes what the engine is asked for out of the options of `run` and `create`. */
import { parseCdiName } from '../../proto/cdi-device.ts';
import { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import {
  ContainerSpec,
  type Healthcheck,
  type Mount,
  type NetworkAttachmentConfig,
} from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';
import { cgroupSettingsOf } from './cgroup-options.ts';
import type { ContainerOptions } from './container-options.ts';
import { parseDevice, parseExtraHost, parseUlimit } from './limits.ts';
import { readLogConfig } from './log-config.ts';
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts';
import { parseNetwork } from './networks.ts';
import { type Environment, parsePairs, readEnvironment, readLabels } from './pairs.ts';
import { checkExposed, parsePublish } from './ports.ts';
import { securityOptions } from './security-options.ts';

export interface ConfigContext {
  readonly env: Environment;
  readonly cwd: string;
}

/** Reads the files the options name; throws CliError with exit code 125 for what Docker refuses. */
export function containerConfig(
  image: string,
  argv: readonly string[],
  options: ContainerOptions,
  context: ConfigContext,
): ContainerConfig {
  refuseContradictions(options);
  return ContainerConfig.fromPartial({
    name: options.name ?? '',
    platform: options.platform,
    spec: containerSpec(image, argv, options, context),
    limits: { memoryBytes: options.memory ?? 0, nanoCpus: options.cpus ?? 0, pids: options.pidsLimit ?? 0 },
    networks: networkAttachments(options),
    ports: options.publish.flatMap((text) => parsePublish(text)),
    publishAll: options.publishAll ?? false,
    ...options.restart,
    autoRemove: options.rm ?? false,
    log: readLogConfig(options.logDriver ?? '', options.logOpt),
    volumesFrom: [...options.volumesFrom],
    expose: options.expose.map(checkExposed),
  });
}

function refuseContradictions(options: ContainerOptions): void {
  if (options.rm === true && options.restart !== undefined && options.restart.restart !== 0) {
    throw new CliError('conflicting options: cannot specify both --restart and --rm', { exitCode: EXIT.refused });
  }
}

function containerSpec(
  image: string,
  argv: readonly string[],
  options: ContainerOptions,
  { env, cwd }: ConfigContext,
): ContainerSpec {
  return ContainerSpec.fromPartial({
    image,
    ...entrypoint(options.entrypoint),
    ...(argv.length === 0 ? {} : { command: { items: [...argv] } }),
    env: readEnvironment(options.envFile, options.env, env),
    dir: options.workdir ?? '',
    user: options.user ?? '',
    groups: [...options.groupAdd],
    hostname: options.hostname ?? '',
    domainname: options.domainname ?? '',
    labels: readLabels(options.labelFile, options.label),
    mounts: allMounts(options, cwd),
    stopSignal: options.stopSignal ?? '',
    ...(options.stopTimeout === undefined ? {} : { stopGracePeriodMs: options.stopTimeout * 1000 }),
    ...healthcheck(options),
    tty: options.tty ?? false,
    openStdin: options.interactive ?? false,
    readOnly: options.readOnly ?? false,
    init: options.init ?? false,
    capAdd: [...options.capAdd],
    capDrop: [...options.capDrop],
    ulimits: options.ulimit.map((text) => parseUlimit(text)),
    sysctls: parsePairs('--sysctl', options.sysctl, () => ''),
    extraHosts: options.addHost.map((text) => parseExtraHost(text)),
    dns: [...options.dns],
    dnsSearch: [...options.dnsSearch],
    dnsOptions: [...options.dnsOption],
    privileged: options.privileged ?? false,
    ...securityOptions(options.securityOpt),
    shmSizeBytes: options.shmSize ?? 0,
    devices: options.device.filter((text) => parseCdiName(text) === undefined).map(parseDevice),
    cdiDevices: [...options.device.filter((text) => parseCdiName(text) !== undefined), ...(options.gpus ?? [])],
    pidMode: namespaceMode('--pid', options.pid, true),
    // One of its own can always be shared.
    ipcMode: options.ipc === 'shareable' ? '' : namespaceMode('--ipc', options.ipc, true),
    utsMode: namespaceMode('--uts', options.uts, false),
    cgroupnsMode: namespaceMode('--cgroupns', options.cgroupns, false),
    cgroupParent: options.cgroupParent ?? '',
    ociAnnotations: parsePairs('--annotation', options.annotation, () => ''),
    oomScoreAdj: options.oomScoreAdj ?? 0,
    cgroup: cgroupSettingsOf(options),
  });
}

/** An empty --entrypoint takes the image's away. */
function entrypoint(value: string | undefined): { entrypoint?: { items: string[] } } {
  return value === undefined ? {} : { entrypoint: { items: value === '' ? [] : [value] } };
}

/** A path is mounted once: --mount and --tmpfs at the same target as -v is a mistake. */
function allMounts(options: ContainerOptions, cwd: string): Mount[] {
  const mounts = [
    ...options.volume.map((text) => parseVolume(text, cwd)),
    ...options.mount.map((text) => parseMount(text, cwd)),
    ...options.tmpfs.map(parseTmpfs),
  ];
  const targets = mounts.map(({ target }) => target);
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice !== undefined) throw new CliError(`duplicate mount point: ${twice}`, { exitCode: EXIT.refused });
  return mounts;
}

function networkAttachments(options: ContainerOptions): NetworkAttachmentConfig[] {
  const { network, networkAlias, ip, ip6, macAddress, linkLocalIp } = options;
  const linkLocalIps = linkLocalIp.length === 0 ? undefined : linkLocalIp;
  const fixed = { ip, ipv6: ip6, mac: macAddress, linkLocalIps };
  const flags = {
    '--network-alias': networkAlias[0],
    '--ip': ip,
    '--ip6': ip6,
    '--mac-address': macAddress,
    '--link-local-ip': linkLocalIp[0],
  };
  const [flag] = Object.entries(flags).find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined && network.length > 1) {
    throw new CliError(`${flag} is ambiguous with several networks`, {
      hint: 'write --network name=NETWORK,alias=NAME,ip=ADDRESS,ip6=ADDRESS,mac-address=ADDRESS for each',
      exitCode: EXIT.refused,
    });
  }
  // Without a network they are about the default one.
  const isOfDefault = network.length === 0 && Object.values(fixed).some((value) => value !== undefined);
  const named = isOfDefault ? ['bridge'] : network;
  return named.map((text) => parseNetwork('--network', text, networkAlias, fixed));
}

function healthcheck(options: ContainerOptions): { healthcheck?: Healthcheck } {
  const { healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod, healthStartInterval } = options;
  const given = [healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod, healthStartInterval];
  const any = given.some((value) => value !== undefined);
  if (!options.healthcheck) {
    if (any) throw new CliError('--no-healthcheck conflicts with --health-* options', { exitCode: EXIT.refused });
    return { healthcheck: health({ test: ['NONE'] }) };
  }
  if (!any) return {};
  return {
    healthcheck: health({
      test: healthCmd === undefined || healthCmd === '' ? [] : ['CMD-SHELL', healthCmd],
      intervalMs: healthInterval ?? 0,
      timeoutMs: healthTimeout ?? 0,
      retries: healthRetries ?? 0,
      startPeriodMs: healthStartPeriod ?? 0,
      startIntervalMs: healthStartInterval ?? 0,
    }),
  };
}

function health(given: Partial<Healthcheck>): Healthcheck {
  return { test: [], intervalMs: 0, timeoutMs: 0, retries: 0, startPeriodMs: 0, startIntervalMs: 0, ...given };
}

/** `private` is the default and travels as "". */
function namespaceMode(flag: string, mode: string | undefined, ofContainer: boolean): string {
  if (mode === undefined || mode === '' || mode === 'private') return '';
  if (mode === 'host' || (ofContainer && /^container:.+/.test(mode))) return mode;
  throw invalidFlag(flag, mode, ofContainer ? 'write host or container:NAME' : 'write host');
}
