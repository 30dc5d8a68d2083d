/** What in a task's spec older managers would lose, and older agents ignore. Pure. */
import {
  type ContainerSpec,
  type Mount,
  MountType,
  type NetworkAttachmentConfig,
  type PortConfig,
  PortProtocol,
  type TaskSpec,
} from '../../proto/generated/gantry/v1/types.ts';
import { sharedService } from '../../proto/shared-namespaces.ts';
import { FORMAT_OF_CGROUP_SETTINGS, FORMAT_OF_CONTAINER_NAMES } from './state-format.ts';

export interface TaskPart {
  /** Of the managers' state that first had it, and of agents that first honoured it. */
  readonly format: number;
  /** In words: "hooks" */
  readonly what: string;
}

/** Of agents that don't say which format they honour. */
export const OLDEST_TASK_FORMAT = FORMAT_OF_CGROUP_SETTINGS - 1;

/** Undefined: nothing that not every agent honours that there is. */
export function newestPart(spec: Pick<TaskSpec, 'container' | 'networks'>): TaskPart | undefined {
  const isolation = spec.container === undefined ? undefined : unusualIsolation(spec.container);
  if (isolation !== undefined) return { format: FORMAT_OF_CGROUP_SETTINGS, what: isolation };
  const part = partOfComposeFile(spec);
  return part === undefined ? undefined : { format: FORMAT_OF_CONTAINER_NAMES, what: part };
}

/** The same of published ports. */
export function newestPort(ports: readonly PortConfig[]): TaskPart | undefined {
  const what = partOfPorts(ports);
  return what === undefined ? undefined : { format: FORMAT_OF_CONTAINER_NAMES, what };
}

function partOfPorts(ports: readonly PortConfig[]): string | undefined {
  if (ports.some(({ publishedLast }) => publishedLast !== undefined))
    return 'a range of ports of which one is published';
  return ports.some(({ protocol }) => protocol === PortProtocol.SCTP) ? 'a published port of SCTP' : undefined;
}

function unusualIsolation(container: ContainerSpec): string | undefined {
  const { cgroup, cgroupnsMode, cgroupParent, ociAnnotations: annotations, unconfinedSystemPaths } = container;
  if (cgroup !== undefined) return 'cgroup settings';
  if (cgroupnsMode !== '' || cgroupParent !== '') return 'a cgroup namespace or parent';
  if (Object.keys(annotations).length > 0) return 'annotations of its containers';
  return unconfinedSystemPaths ? 'unconfined system paths' : undefined;
}

/** What services couldn't say at first of what a Compose file can. */
function partOfComposeFile({ container, networks }: Pick<TaskSpec, 'container' | 'networks'>): string | undefined {
  const { containerName = '', mounts = [], log, networkOf = '' } = container ?? {};
  const { preStart = [], postStart = [], preStop = [], cdiDevices = [] } = container ?? {};
  if (containerName !== '') return 'a container name';
  if (networks.some(isFixed)) return 'an address or a link of its task';
  if (mounts.some(({ type }) => type === MountType.IMAGE)) return 'a mount of an image';
  if (mounts.some(saysMoreThanBefore)) return "a part of a volume, or a mount's own options";
  if (log !== undefined) return 'a log driver or its options';
  if (preStart.length + postStart.length + preStop.length > 0) return 'hooks';
  if (cdiDevices.length > 0) return 'a CDI device';
  if (networkOf !== '') return "another service's network";
  if (container !== undefined && sharedService(container) !== undefined) return "another service's namespaces";
  return undefined;
}

function isFixed({ ip, ipv6, mac, interfaceName, linkLocalIps }: NetworkAttachmentConfig): boolean {
  return [ip, ipv6, mac, interfaceName, linkLocalIps].some((one) => one !== undefined);
}

function saysMoreThanBefore({ subpath, bindRecursive, tmpfsOptions, volumeExternal }: Mount): boolean {
  return subpath !== '' || bindRecursive !== '' || tmpfsOptions.length > 0 || volumeExternal;
}
