/** Containers as `ps` lists them. */
import {
  type Container,
  type ContainerState,
  ContainerStatus,
  HealthStatus,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { type Mount, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { withoutLookedUpDigest } from '../../../proto/image-reference.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago, goTime, humanDuration } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { displayPorts } from '../ports.ts';
import { ellipsis, shortId } from '../table.ts';

export const CONTAINER_LISTING: Listing = {
  headings: {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Status: 'STATUS',
    State: 'STATE',
    Ports: 'PORTS',
    Names: 'NAMES',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    Label: '',
  },
  defaultTable: '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}',
  quietField: 'ID',
};

export interface RowOptions {
  readonly truncate: boolean;
  readonly nowMs: number;
}

const COMMAND_WIDTH = 20;

export function containerRow(container: Container, { truncate, nowMs }: RowOptions): Fields {
  const labels = container.config?.spec?.labels ?? {};
  const mounts = container.config?.spec?.mounts ?? [];
  return {
    Command: JSON.stringify(truncate ? ellipsis(container.argv.join(' '), COMMAND_WIDTH) : container.argv.join(' ')),
    // Costs a millisecond, and few ask for it.
    get CreatedAt() {
      return goTime(container.createdAtMs);
    },
    ID: truncate ? shortId(container.id) : container.id,
    Image: imageName(container, truncate),
    Label: (name) => labels[String(name)] ?? '',
    Labels: labelText(labels),
    LocalVolumes: String(mounts.filter((mount) => mount.type === MountType.VOLUME).length),
    Mounts: mounts.map((mount) => mountName(mount, truncate)).join(','),
    Names: shownName(container),
    Networks: container.networks.map((network) => network.networkName).join(','),
    Ports: displayPorts(container.ports),
    RunningFor: ago(container.createdAtMs, nowMs),
    State: stateName(container.state?.status ?? ContainerStatus.CREATED),
    Status: container.state === undefined ? '' : statusText(container.state, nowMs),
  };
}

/** Of a service's container the one that its users know it by. */
export function shownName({ name, config }: Container): string {
  return config?.spec?.containerName || name;
}

function imageName(container: Container, truncate: boolean): string {
  const name = container.config?.spec?.image ?? '';
  if (name === '') return truncate ? shortId(container.imageId) : container.imageId;
  if (!truncate) return name;
  return name.startsWith('sha256:') ? shortId(name) : withoutLookedUpDigest(name);
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

function mountName(mount: Mount, truncate: boolean): string {
  const name = mount.source === '' ? mount.target : mount.source;
  return truncate ? ellipsis(name, 15) : name;
}

const STATE_NAMES: Readonly<Record<ContainerStatus, string>> = {
  [ContainerStatus.CREATED]: 'created',
  [ContainerStatus.RUNNING]: 'running',
  [ContainerStatus.PAUSED]: 'paused',
  [ContainerStatus.RESTARTING]: 'restarting',
  [ContainerStatus.REMOVING]: 'removing',
  [ContainerStatus.EXITED]: 'exited',
  [ContainerStatus.DEAD]: 'dead',
  [ContainerStatus.UNRECOGNIZED]: 'unknown',
};

export function stateName(status: ContainerStatus): string {
  return STATE_NAMES[status] ?? 'unknown';
}

const HEALTH_NAMES: Readonly<Record<HealthStatus, string>> = {
  [HealthStatus.NONE]: 'none',
  [HealthStatus.STARTING]: 'starting',
  [HealthStatus.HEALTHY]: 'healthy',
  [HealthStatus.UNHEALTHY]: 'unhealthy',
  [HealthStatus.UNRECOGNIZED]: 'unknown',
};

export function healthName(health: HealthStatus): string {
  return HEALTH_NAMES[health] ?? 'unknown';
}

/** "Up 2 hours (healthy)", "Exited (137) 3 seconds ago", "Created". */
export function statusText(state: ContainerState, nowMs: number): string {
  const up = `Up ${humanDuration(nowMs - state.startedAtMs)}`;
  switch (state.status) {
    case ContainerStatus.RUNNING:
      return `${up}${healthSuffix(state.health)}`;
    case ContainerStatus.PAUSED:
      return `${up} (Paused)`;
    case ContainerStatus.RESTARTING:
      return `Restarting (${state.exitCode}) ${ago(state.finishedAtMs, nowMs)}`;
    case ContainerStatus.REMOVING:
      return 'Removal In Progress';
    case ContainerStatus.DEAD:
      return 'Dead';
    case ContainerStatus.EXITED:
      return `Exited (${state.exitCode}) ${ago(state.finishedAtMs, nowMs)}`;
    default:
      return 'Created';
  }
}

function healthSuffix(health: HealthStatus): string {
  if (health === HealthStatus.NONE) return '';
  return health === HealthStatus.STARTING ? ' (health: starting)' : ` (${healthName(health)})`;
}
