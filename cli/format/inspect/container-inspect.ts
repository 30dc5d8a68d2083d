/** A container in the form of `docker inspect`: the fields that exist here, under Docker's names. */
import {
  type Container,
  type ContainerConfig,
  type ContainerState,
  ContainerStatus,
  HealthStatus,
  LocalRestart,
} from '../../../proto/generated/gantry/v1/engine.ts';
import {
  type ContainerSpec,
  type Mount,
  MountType,
  type PortConfig,
} from '../../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import { publishedText } from '../../../proto/published-port.ts';
import type { Fields, Value } from '../../../proto/template/values.ts';
import { RUNTIME_NAME } from '../../options/runtime.ts';
import { rfc3339 } from '../duration.ts';
import { healthName, shownName, stateName } from '../rows/container-row.ts';
import { cgroupFields } from './cgroup-fields.ts';
import { mountTypeName } from './container-spec-fields.ts';
import { healthcheckFields, stringMap } from './inspect-values.ts';
import { logFields } from './log-fields.ts';

export function inspectContainer(container: Container): Fields {
  const { config, state } = container;
  const spec = config?.spec;
  return {
    Id: container.id,
    Created: rfc3339(container.createdAtMs),
    Path: container.argv[0] ?? '',
    Args: container.argv.slice(1),
    State: stateFields(state),
    Image: container.imageId,
    LogPath: container.logPath,
    Name: `/${shownName(container)}`,
    RestartCount: state?.restartCount ?? 0,
    Driver: 'overlay2',
    Platform: 'linux',
    HostConfig: hostConfigFields(config, spec),
    Mounts: (spec?.mounts ?? []).map(mountFields),
    Config: configFields(container, spec),
    NetworkSettings: networkFields(container),
  };
}

function stateFields(state: ContainerState | undefined): Fields {
  const status = state?.status ?? ContainerStatus.CREATED;
  const health = state?.health ?? HealthStatus.NONE;
  const base = {
    Status: stateName(status),
    Running: status === ContainerStatus.RUNNING || status === ContainerStatus.PAUSED,
    Paused: status === ContainerStatus.PAUSED,
    Restarting: status === ContainerStatus.RESTARTING,
    OOMKilled: state?.oomKilled ?? false,
    Dead: status === ContainerStatus.DEAD,
    Pid: state?.pid ?? 0,
    ExitCode: state?.exitCode ?? 0,
    Error: state?.error ?? '',
    StartedAt: rfc3339(state?.startedAtMs ?? 0),
    FinishedAt: rfc3339(state?.finishedAtMs ?? 0),
  };
  if (state === undefined || health === HealthStatus.NONE) return base;
  const last = state.healthOutput === '' ? [] : [{ Output: state.healthOutput }];
  return { ...base, Health: { Status: healthName(health), FailingStreak: state.healthFailingStreak, Log: last } };
}

const RESTART_NAMES: Readonly<Record<LocalRestart, string>> = {
  [LocalRestart.NO]: 'no',
  [LocalRestart.ALWAYS]: 'always',
  [LocalRestart.UNLESS_STOPPED]: 'unless-stopped',
  [LocalRestart.ON_FAILURE]: 'on-failure',
  [LocalRestart.UNRECOGNIZED]: 'unknown',
};

function hostConfigFields(config: ContainerConfig | undefined, spec: ContainerSpec | undefined): Fields {
  const limits = config?.limits;
  const log = logFields(config?.log);
  return {
    Binds: (spec?.mounts ?? []).filter(isBind).map(bindText),
    LogConfig: { Type: log.driver, Config: log.options },
    NetworkMode: config?.networks[0]?.target ?? 'bridge',
    PortBindings: portBindings(config?.ports ?? []),
    RestartPolicy: {
      Name: RESTART_NAMES[config?.restart ?? LocalRestart.NO],
      MaximumRetryCount: config?.restartMaxAttempts ?? 0,
    },
    VolumesFrom: config?.volumesFrom ?? [],
    AutoRemove: config?.autoRemove ?? false,
    CapAdd: spec?.capAdd ?? [],
    CapDrop: spec?.capDrop ?? [],
    Dns: spec?.dns ?? [],
    DnsOptions: spec?.dnsOptions ?? [],
    DnsSearch: spec?.dnsSearch ?? [],
    ExtraHosts: spec?.extraHosts ?? [],
    GroupAdd: spec?.groups ?? [],
    IpcMode: spec?.ipcMode === '' ? 'private' : (spec?.ipcMode ?? 'private'),
    OomScoreAdj: spec?.oomScoreAdj ?? 0,
    PidMode: spec?.pidMode ?? '',
    Privileged: spec?.privileged ?? false,
    PublishAllPorts: config?.publishAll ?? false,
    ReadonlyRootfs: spec?.readOnly ?? false,
    SecurityOpt: securityOptions(spec),
    ...openPathFields(spec),
    UTSMode: spec?.utsMode ?? '',
    CgroupnsMode: spec?.cgroupnsMode || 'private',
    CgroupParent: spec?.cgroupParent ?? '',
    UsernsMode: '',
    Runtime: RUNTIME_NAME,
    Annotations: stringMap(spec?.ociAnnotations),
    ShmSize: spec?.shmSizeBytes || 64 * 1024 * 1024,
    Sysctls: stringMap(spec?.sysctls),
    Memory: limits?.memoryBytes ?? 0,
    NanoCpus: limits?.nanoCpus ?? 0,
    PidsLimit: limits?.pids ?? 0,
    ...cgroupFields(spec?.cgroup, limits?.memoryBytes ?? 0),
    Devices: (spec?.devices ?? []).map((device) => ({
      PathOnHost: device.hostPath,
      PathInContainer: device.containerPath,
      CgroupPermissions: device.permissions,
    })),
    Ulimits: (spec?.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    Init: spec?.init ?? false,
  };
}

function securityOptions(spec: ContainerSpec | undefined): string[] {
  const options: string[] = [];
  if (spec?.noNewPrivileges) options.push('no-new-privileges');
  if (spec !== undefined && spec.seccompProfile !== '') options.push(`seccomp=${spec.seccompProfile}`);
  return options;
}

/** Docker names all paths that are masked or read-only; that there are none is what can be asked for. */
function openPathFields(spec: ContainerSpec | undefined): Fields {
  return spec?.unconfinedSystemPaths || spec?.privileged ? { MaskedPaths: [], ReadonlyPaths: [] } : {};
}

function isBind({ type }: Mount): boolean {
  return type !== MountType.TMPFS && type !== MountType.IMAGE;
}

function bindText(mount: Mount): string {
  return `${mount.source}:${mount.target}${mount.readOnly ? ':ro' : ''}`;
}

function mountFields(mount: Mount): Fields {
  const common = {
    Source: mount.source,
    Destination: mount.target,
    Mode: mount.readOnly ? 'ro' : '',
    RW: !mount.readOnly,
    Propagation: mount.bindPropagation === '' ? 'rprivate' : mount.bindPropagation,
  };
  if (mount.type === MountType.VOLUME) {
    const driver = mount.volume?.driver ?? '';
    return { Type: 'volume', Name: mount.source, ...common, Driver: driver === '' ? 'local' : driver };
  }
  return { Type: mountTypeName(mount), ...common };
}

function configFields(container: Container, spec: ContainerSpec | undefined): Fields {
  const health = spec?.healthcheck;
  return {
    Hostname: spec?.hostname === '' ? container.id.slice(0, 12) : (spec?.hostname ?? ''),
    Domainname: spec?.domainname ?? '',
    User: spec?.user ?? '',
    Tty: spec?.tty ?? false,
    OpenStdin: spec?.openStdin ?? false,
    Env: spec?.env ?? [],
    Cmd: spec?.command?.items ?? null,
    ...(health === undefined ? {} : { Healthcheck: healthcheckFields(health) }),
    Image: spec?.image ?? '',
    WorkingDir: spec?.dir ?? '',
    Entrypoint: spec?.entrypoint?.items ?? null,
    Labels: stringMap(spec?.labels),
    ...(spec === undefined || spec.stopSignal === '' ? {} : { StopSignal: spec.stopSignal }),
    ...(spec?.stopGracePeriodMs === undefined ? {} : { StopTimeout: Math.ceil(spec.stopGracePeriodMs / 1000) }),
  };
}

function networkFields(container: Container): Fields {
  const first = container.networks[0];
  const networks = new Map<string, Value>();
  for (const network of container.networks) {
    networks.set(network.networkName, {
      Aliases: network.aliases,
      MacAddress: network.macAddress,
      NetworkID: network.networkId,
      Gateway: network.gateway,
      IPAddress: network.address,
      IPPrefixLen: network.prefixLength,
      IPv6Gateway: network.ipv6Gateway,
      GlobalIPv6Address: network.ipv6Address,
      GlobalIPv6PrefixLen: network.ipv6PrefixLength,
    });
  }
  return {
    Ports: portBindings(container.ports),
    Gateway: first?.gateway ?? '',
    IPAddress: first?.address ?? '',
    IPPrefixLen: first?.prefixLength ?? 0,
    IPv6Gateway: first?.ipv6Gateway ?? '',
    GlobalIPv6Address: first?.ipv6Address ?? '',
    GlobalIPv6PrefixLen: first?.ipv6PrefixLength ?? 0,
    MacAddress: first?.macAddress ?? '',
    Networks: networks,
  };
}

/** "80/tcp" → [{ HostIp, HostPort }]; null for a port that isn't published. */
function portBindings(ports: readonly PortConfig[]): Value {
  const bindings = new Map<string, Value>();
  for (const port of ports) {
    const key = `${port.targetPort}/${protocolName(port.protocol)}`;
    const before = bindings.get(key);
    const known = Array.isArray(before) ? before : [];
    const binding = { HostIp: port.hostIp === '' ? '0.0.0.0' : port.hostIp, HostPort: publishedText(port) };
    bindings.set(key, [...known, binding]);
  }
  return bindings;
}
