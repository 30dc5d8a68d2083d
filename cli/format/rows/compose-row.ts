/** Containers of a project as `compose ps` lists them. */
import { type Container, HealthStatus } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Task, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { withoutLookedUpDigest } from '../../../proto/image-reference.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago, goTime, humanDuration } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { displayPorts, hostAddress } from '../ports.ts';
import { ellipsis } from '../table.ts';
import { containerRow, healthName, labelText, stateName, statusText } from './container-row.ts';
import { taskStateName } from './task-row.ts';

const COLUMNS = '{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.CreatedAt}}\t{{.Status}}\t{{.Ports}}';

/** `nodes`: with several, each row has its own. */
export function composeListing(nodes: number): Listing {
  const table = COLUMNS.replace('CreatedAt', 'RunningFor');
  return {
    headings: {
      Name: 'NAME',
      Image: 'IMAGE',
      Command: 'COMMAND',
      Service: 'SERVICE',
      RunningFor: 'CREATED',
      CreatedAt: 'CREATED AT',
      Status: 'STATUS',
      State: 'STATE',
      Health: 'HEALTH',
      ExitCode: 'EXIT CODE',
      Ports: 'PORTS',
      ID: 'CONTAINER ID',
      Node: 'NODE',
      Project: 'PROJECT',
      Labels: 'LABELS',
      LocalVolumes: 'LOCAL VOLUMES',
      Mounts: 'MOUNTS',
      Names: 'NAMES',
      Networks: 'NETWORKS',
    },
    defaultTable: nodes > 1 ? `${table}\t{{.Node}}` : table,
    quietField: 'ID',
  };
}

export interface ComposeContainer {
  readonly project: string;
  /** As the files name it. */
  readonly service: string;
  /** "shop_web.1" */
  readonly name: string;
  readonly task: Task;
  /** Undefined: it has none, or its node doesn't answer. */
  readonly container: Container | undefined;
  readonly node: string;
}

export function composeRow(
  { project, service, name, task, container, node }: ComposeContainer,
  options: RowOptions,
): Fields {
  const { truncate, nowMs } = options;
  const command = container?.argv.join(' ') ?? '';
  const createdAtMs = container?.createdAtMs ?? task.meta?.createdAtMs ?? 0;
  const image = task.spec?.container?.image ?? '';
  // What has ended can't be reached.
  const ports = (task.status?.state ?? TaskState.NEW) > TaskState.RUNNING ? [] : task.ports;
  const own = container === undefined ? undefined : containerRow(container, options);
  return {
    Command: JSON.stringify(truncate ? ellipsis(command, 20) : command),
    CreatedAt: goTime(createdAtMs),
    ExitCode: task.status?.exitCode ?? 0,
    Health: healthOf(container),
    ID: task.status?.containerId ?? '',
    Image: truncate ? withoutLookedUpDigest(image) : image,
    Labels: labelText(container?.config?.spec?.labels ?? {}),
    LocalVolumes: own?.LocalVolumes ?? '0',
    Mounts: own?.Mounts ?? '',
    Name: name,
    Names: name,
    Networks: own?.Networks ?? '',
    Node: node,
    Ports: displayPorts(ports),
    Project: project,
    Publishers: ports.map((port) => ({
      URL: hostAddress(port),
      TargetPort: port.targetPort,
      PublishedPort: port.publishedPort,
      Protocol: protocolName(port.protocol),
    })),
    RunningFor: ago(createdAtMs, nowMs),
    Service: service,
    State: composeState(task, container),
    Status: statusOf(task, container, nowMs),
  };
}

interface RowOptions {
  readonly truncate: boolean;
  readonly nowMs: number;
}

function healthOf(container: Container | undefined): string {
  const health = container?.state?.health ?? HealthStatus.NONE;
  return health === HealthStatus.NONE ? '' : healthName(health);
}

/** One of docker's: created, running, restarting, exited, dead, ... */
export function composeState({ status }: Task, container: Container | undefined): string {
  if (container?.state !== undefined) return stateName(container.state.status);
  const state = status?.state ?? TaskState.NEW;
  if (state < TaskState.RUNNING) return 'created';
  return state === TaskState.RUNNING ? 'running' : 'exited';
}

/** Without a container what the task waits for, or why it has none. */
function statusOf({ status }: Task, container: Container | undefined, nowMs: number): string {
  if (container?.state !== undefined) return statusText(container.state, nowMs);
  const { state = TaskState.NEW, timestampMs = 0, exitCode = 0, error = '', message = '' } = status ?? {};
  if (state === TaskState.RUNNING) return `Up ${humanDuration(nowMs - timestampMs)}`;
  if (state > TaskState.RUNNING && error === '') return `Exited (${exitCode}) ${ago(timestampMs, nowMs)}`;
  const word = taskStateName(state);
  const words = error || message;
  return words === '' || words === word.toLowerCase() ? word : `${word} (${words})`;
}
