/** What a service's containers are, in the form of `docker service inspect`. */
import {
  type ContainerSpec,
  type FileReference,
  Hook,
  type Mount,
  MountType,
  type PreStart,
} from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields, Value } from '../../../proto/template/values.ts';
import { givenCgroupFields } from './cgroup-fields.ts';
import { healthcheckFields, nanoseconds, stringMap } from './inspect-values.ts';

export function containerSpecFields(container: ContainerSpec): Fields {
  return {
    Image: container.image,
    Labels: stringMap(container.labels),
    Command: container.entrypoint?.items ?? null,
    Args: container.command?.items ?? null,
    Hostname: container.hostname,
    // Of ours, and so only where it says something.
    ...(container.containerName === '' ? {} : { ContainerName: container.containerName }),
    ...(container.networkOf === '' ? {} : { NetworkMode: `service:${container.networkOf}` }),
    Env: container.env,
    Dir: container.dir,
    User: container.user,
    Groups: container.groups,
    TTY: container.tty,
    OpenStdin: container.openStdin,
    ReadOnly: container.readOnly,
    Init: container.init,
    Mounts: container.mounts.map(mountFields),
    ...(container.stopSignal === '' ? {} : { StopSignal: container.stopSignal }),
    ...preStartFields(container.preStart),
    ...hookFields('PostStart', container.postStart),
    ...hookFields('PreStop', container.preStop),
    StopGracePeriod: nanoseconds(container.stopGracePeriodMs ?? 10_000),
    ...(container.healthcheck === undefined ? {} : { Healthcheck: healthcheckFields(container.healthcheck) }),
    Hosts: container.extraHosts.map(hostText),
    DNSConfig: { Nameservers: container.dns, Search: container.dnsSearch, Options: container.dnsOptions },
    Secrets: container.secrets.map((file) => ({ ...fileFields(file), SecretID: file.id, SecretName: file.name })),
    Configs: container.configs.map((file) => ({ ...fileFields(file), ConfigID: file.id, ConfigName: file.name })),
    Sysctls: stringMap(container.sysctls),
    CapabilityAdd: container.capAdd,
    CapabilityDrop: container.capDrop,
    Ulimits: container.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    OomScoreAdj: container.oomScoreAdj,
    ...givenCgroupFields(container.cgroup),
    ...givenIsolationFields(container),
  };
}

/** Those of Docker's HostConfig, which its services haven't got, where they say something. */
function givenIsolationFields(container: ContainerSpec): Fields {
  const { cgroupnsMode, cgroupParent, ociAnnotations: annotations, unconfinedSystemPaths } = container;
  return {
    ...(cgroupnsMode === '' ? {} : { CgroupnsMode: cgroupnsMode }),
    ...(cgroupParent === '' ? {} : { CgroupParent: cgroupParent }),
    ...(Object.keys(annotations).length === 0 ? {} : { Annotations: stringMap(annotations) }),
    ...(unconfinedSystemPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  };
}

/** Of ours, and so only where there are any. */
function hookFields(name: string, hooks: readonly Hook[]): Fields {
  return hooks.length === 0 ? {} : { [name]: hooks.map(oneHook) };
}

function preStartFields(hooks: readonly PreStart[]): Fields {
  if (hooks.length === 0) return {};
  return {
    PreStart: hooks.map(({ hook, image, perReplica }) => ({
      ...oneHook(hook ?? Hook.create()),
      Image: image,
      PerReplica: perReplica,
    })),
  };
}

function oneHook({ argv, user, dir, env, privileged }: Hook): Fields {
  return { Command: argv, User: user, Dir: dir, Env: env, Privileged: privileged };
}

/** "HOST:IP" as a line of /etc/hosts. */
export function hostText(entry: string): string {
  return entry.replace(/^([^:]+):(.*)$/, '$2 $1');
}

function fileFields(file: FileReference): Fields {
  return {
    File: { Name: file.target, UID: String(file.uid), GID: String(file.gid), Mode: file.mode },
    ID: file.id,
    Name: file.name,
  };
}

function mountFields(mount: Mount): Fields {
  const common = { Type: mountTypeName(mount), Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly };
  return { ...common, ...mountOptions(mount) };
}

function mountOptions(mount: Mount): Record<string, Value> {
  if (mount.type === MountType.TMPFS) {
    const { tmpfsSizeBytes, tmpfsMode, tmpfsOptions } = mount;
    if (tmpfsSizeBytes + tmpfsMode + tmpfsOptions.length === 0) return {};
    const options = tmpfsOptions.length === 0 ? {} : { Options: tmpfsOptions.map((option) => option.split('=')) };
    return { TmpfsOptions: { SizeBytes: tmpfsSizeBytes, Mode: tmpfsMode, ...options } };
  }
  if (mount.type === MountType.BIND) return bindOptions(mount);
  if (mount.type === MountType.IMAGE) return mount.subpath === '' ? {} : { ImageOptions: { Subpath: mount.subpath } };
  const { volume, volumeNoCopy, subpath, volumeExternal } = mount;
  if (volume === undefined && !volumeNoCopy && subpath === '' && !volumeExternal) return {};
  return {
    VolumeOptions: {
      NoCopy: volumeNoCopy,
      ...(subpath === '' ? {} : { Subpath: subpath }),
      // Of ours, and so only where it says something.
      ...(volumeExternal ? { External: true } : {}),
      Labels: stringMap(volume?.labels),
      DriverConfig: { Name: volume?.driver ?? '', Options: stringMap(volume?.driverOpts) },
    },
  };
}

function bindOptions({ bindPropagation, bindRecursive }: Mount): Record<string, Value> {
  const options = {
    ...(bindPropagation === '' ? {} : { Propagation: bindPropagation }),
    // As Docker has what can be said.
    ...(bindRecursive === 'disabled' ? { NonRecursive: true } : {}),
    ...(bindRecursive === 'writable' ? { ReadOnlyNonRecursive: true } : {}),
    ...(bindRecursive === 'readonly' ? { ReadOnlyForceRecursive: true } : {}),
  };
  return Object.keys(options).length === 0 ? {} : { BindOptions: options };
}

const TYPE_NAMES: ReadonlyMap<MountType, string> = new Map([
  [MountType.VOLUME, 'volume'],
  [MountType.TMPFS, 'tmpfs'],
  [MountType.IMAGE, 'image'],
]);

export function mountTypeName(mount: Mount): string {
  return TYPE_NAMES.get(mount.type) ?? 'bind';
}
