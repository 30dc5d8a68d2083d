/**
 * The OCI spec of a container: a pure function of what was asked for and of what was found out about the image,
 * its users and the host. Each subject has a file of its own beside this one.
 */

import { cgroupsPath } from '../../../proto/cgroup-parent.ts';
import type { ImageConfig } from '../../../proto/generated/gantry/v1/engine.ts';
import type { ContainerSpec, ResourceAmounts } from '../../../proto/generated/gantry/v1/types.ts';
import type { BlockDevices } from './block-io.ts';
import { boundingSet, processCapabilities } from './capabilities.ts';
import { deviceNodes, type HostDevice } from './devices.ts';
import { buildEnvironment } from './env.ts';
import type { HostFacts } from './host-facts.ts';
import { buildMounts, type OwnBind, type ResolvedMount, rootPropagation, type SharedMemory } from './mounts.ts';
import { buildNamespaces, type NamespaceSources } from './namespaces.ts';
import type { OciHooks, OciLinux, OciProcess, OciSeccomp, OciSpec } from './oci.ts';
import { MASKED_PATHS, READONLY_PATHS } from './paths.ts';
import { buildResources } from './resources.ts';
import { buildRlimits } from './rlimits.ts';
import { parseSeccompProfile, resolveSeccomp } from './seccomp.ts';
import { DEFAULT_SECCOMP_PROFILE } from './seccomp-profile.ts';
import { containerSysctls } from './sysctls.ts';
import type { ResolvedUser } from './user.ts';

const OCI_VERSION = '1.2.0';
/** Where the init is bound, as in Docker. */
export const INIT_TARGET = '/sbin/docker-init';

export interface SpecRequest {
  readonly containerId: string;
  readonly spec: ContainerSpec;
  readonly limits: ResourceAmounts | undefined;
  readonly image: Pick<ImageConfig, 'env' | 'dir'>;
  /** See resolveArgv. */
  readonly argv: readonly string[];
  readonly user: ResolvedUser;
  /** As the process sees it; empty: the UTS namespace isn't the container's own. */
  readonly hostname: string;
  readonly namespaces: NamespaceSources;
  /** Whether the network namespace is the container's own, or the host's or a peer's. */
  readonly network: 'own' | 'shared';
  readonly mounts: readonly ResolvedMount[];
  readonly binds: readonly OwnBind[];
  readonly sharedMemory: SharedMemory;
  readonly devices: readonly HostDevice[];
  readonly blockDevices: BlockDevices;
  readonly host: HostFacts;
  /** The mounted root file system: absolute, or relative to the bundle. */
  readonly rootPath: string;
  /** Program of the init on the host, when the container wants one. */
  readonly initPath: string | undefined;
  readonly hooks: OciHooks;
}

export function buildSpec(request: SpecRequest): OciSpec {
  const { spec, hostname, namespaces } = request;
  const ownsUts = namespaces.uts === 'new';
  return {
    ociVersion: OCI_VERSION,
    process: buildProcess(request),
    root: { path: request.rootPath, readonly: spec.readOnly },
    ...(ownsUts && hostname !== '' && { hostname }),
    ...(ownsUts && spec.domainname !== '' && { domainname: spec.domainname }),
    mounts: buildMounts({
      mounts: request.mounts,
      binds: withInit(request),
      sharedMemory: request.sharedMemory,
      privileged: spec.privileged,
    }),
    linux: buildLinux(request),
    ...(Object.keys(spec.ociAnnotations).length > 0 && { annotations: spec.ociAnnotations }),
    ...(Object.keys(request.hooks).length > 0 && { hooks: request.hooks }),
  };
}

function withInit({ binds, initPath }: SpecRequest): readonly OwnBind[] {
  if (initPath === undefined) return binds;
  return [...binds, { source: initPath, target: INIT_TARGET, readOnly: true }];
}

function buildProcess(request: SpecRequest): OciProcess {
  const { spec, image, user, host, argv } = request;
  const { uid, gid, additionalGids, home } = user;
  return {
    terminal: spec.tty,
    user: { uid, gid, additionalGids },
    args: request.initPath === undefined ? argv : [INIT_TARGET, '--', ...argv],
    env: buildEnvironment({
      image: image.env,
      container: spec.env,
      hostname: request.hostname,
      home,
      tty: spec.tty,
    }),
    cwd: workingDirectory(spec, image),
    capabilities: processCapabilities(bounding(spec, host), uid),
    rlimits: buildRlimits(spec.ulimits, host.hardNofile),
    noNewPrivileges: spec.noNewPrivileges,
    // Also 0: left out, it would be gantryd's own, which its unit may have set to protect it.
    oomScoreAdj: spec.oomScoreAdj,
  };
}

function bounding(spec: ContainerSpec, host: HostFacts): string[] {
  return boundingSet({
    add: spec.capAdd,
    drop: spec.capDrop,
    privileged: spec.privileged,
    available: host.capabilities,
  });
}

function buildLinux(request: SpecRequest): OciLinux {
  const { spec, devices, blockDevices, host, mounts, limits } = request;
  const propagation = rootPropagation(mounts);
  const seccomp = buildSeccomp(spec, host);
  const isOpen = spec.privileged || spec.unconfinedSystemPaths;
  return {
    namespaces: buildNamespaces(request.namespaces),
    devices: deviceNodes(devices),
    cgroupsPath: cgroupsPath(request.containerId, spec.cgroupParent),
    resources: buildResources({
      limits,
      settings: spec.cgroup,
      blockDevices,
      devices,
      privileged: spec.privileged,
      swapLimit: host.swapLimit,
    }),
    sysctl: containerSysctls(spec.sysctls, request.network),
    ...(seccomp !== undefined && { seccomp }),
    maskedPaths: isOpen ? [] : MASKED_PATHS,
    readonlyPaths: isOpen ? [] : READONLY_PATHS,
    ...(propagation !== undefined && { rootfsPropagation: propagation }),
  };
}

/** Undefined: no filter. A privileged container has none unless it brings one. */
function buildSeccomp(spec: ContainerSpec, host: HostFacts): OciSeccomp | undefined {
  if (spec.seccompProfile === 'unconfined') return undefined;
  if (spec.seccompProfile === '' && spec.privileged) return undefined;
  const profile = spec.seccompProfile === '' ? DEFAULT_SECCOMP_PROFILE : parseSeccompProfile(spec.seccompProfile);
  return resolveSeccomp(profile, {
    capabilities: bounding(spec, host),
    architecture: host.architecture,
    kernelRelease: host.kernelRelease,
  });
}

export function workingDirectory(spec: Pick<ContainerSpec, 'dir'>, image: Pick<ImageConfig, 'dir'>): string {
  return spec.dir || image.dir || '/';
}
