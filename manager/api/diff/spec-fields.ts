/** What the fields of specs are called in compose files, and how their values are shown. */
import {
  type Dependency,
  DependencyCondition,
  type Device,
  EndpointMode,
  FailureAction,
  type FileReference,
  type GenericReservation,
  IngressScope,
  type Mount,
  MountType,
  type NetworkAttachmentConfig,
  PlacementStrategy,
  type Platform,
  type PortConfig,
  PublishMode,
  PullPolicy,
  RestartCondition,
  type StringList,
  type Ulimit,
  UpdateOrder,
} from '../../../proto/generated/gantry/v1/types.ts';
import { platformText } from '../../../proto/platform.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import { publishedText } from '../../../proto/published-port.ts';
import { compactText, durationText, type FieldNames, type Keyed } from './field-changes.ts';

const RENAMED = {
  annotations: 'deploy',
  task: '',
  'task.container': '',
  'task.container.env': 'environment',
  'task.container.dir': 'working_dir',
  'task.container.groups': 'group_add',
  'task.container.mounts': 'volumes',
  'task.container.openStdin': 'stdin_open',
  'task.container.noNewPrivileges': 'security_opt.no-new-privileges',
  'task.container.seccompProfile': 'security_opt.seccomp',
  'task.container.dnsOptions': 'dns_opt',
  'task.container.pidMode': 'pid',
  'task.container.ipcMode': 'ipc',
  'task.container.utsMode': 'uts',
  'task.container.ociAnnotations': 'annotations',
  'task.container.log': 'logging',
  'task.container.cgroup': '',
  'task.container.cgroup.memorySwapBytes': 'memswap_limit',
  'task.container.cgroup.memoryReservationBytes': 'mem_reservation',
  'task.container.cgroup.memorySwappiness': 'mem_swappiness',
  'task.container.cgroup.deviceRules': 'device_cgroup_rules',
  'task.container.cgroupnsMode': 'cgroup',
  'task.resources': 'deploy.resources',
  'task.resources.limits.nanoCpus': 'deploy.resources.limits.cpus',
  'task.resources.reservations.nanoCpus': 'deploy.resources.reservations.cpus',
  'task.resources.genericReservations': 'deploy.resources.reservations.generic_resources',
  'task.restart': 'deploy.restart_policy',
  'task.networks': 'networks',
  mode: 'deploy',
  'mode.$case': 'deploy.mode',
  'mode.value': 'deploy',
  dependencies: 'depends_on',
  placement: 'deploy.placement',
  update: 'deploy.update_config',
  rollback: 'deploy.rollback_config',
  endpointMode: 'deploy.endpoint_mode',
  ingressScope: 'x-gantry.ingress',
} as const;

const MAPS: ReadonlySet<string> = new Set(['labels', 'driverOpts', 'sysctls', 'options', 'ociAnnotations']);

function isMap(path: string): boolean {
  return MAPS.has(path.slice(path.lastIndexOf('.') + 1));
}

const list = <T>(key: (element: T) => string, value: (element: T) => string): Keyed => ({ key, value }) as Keyed;

/** KEY=VALUE; without "=", the variable is taken away. */
const ENV = list<string>(
  (line) => line.split('=', 1)[0] ?? '',
  (line) => (line.includes('=') ? line.slice(line.indexOf('=') + 1) : '(unset)'),
);

const MOUNT = list<Mount>(
  ({ target }) => target,
  (mount) => {
    const rest = compactText(mount, ['type', 'source', 'target']);
    return [words(MountType)(mount.type), mount.source, rest]
      .filter((part) => part !== undefined && part !== '')
      .join(' ');
  },
);

const PORT = list<PortConfig>(
  ({ targetPort, protocol }) => `${targetPort}/${protocolName(protocol)}`,
  (config) => {
    const { hostIp, publishedPort, mode } = config;
    const port = publishedPort === 0 ? '(any)' : publishedText(config);
    return `${hostIp === '' ? '' : `${hostIp}:`}${port}${mode === PublishMode.HOST ? ' mode=host' : ''}`;
  },
);

const KEYED = {
  'task.container.env': ENV,
  'task.container.mounts': MOUNT,
  'task.container.ulimits': list<Ulimit>(
    ({ name }) => name,
    ({ soft, hard }) => `${soft}:${hard}`,
  ),
  'task.container.devices': list<Device>(
    ({ containerPath }) => containerPath,
    ({ hostPath, permissions }) => `${hostPath} ${permissions}`,
  ),
  'task.resources.genericReservations': list<GenericReservation>(
    ({ kind }) => kind,
    ({ count }) => String(count),
  ),
  dependencies: list<Dependency>(
    ({ service }) => service,
    (dependency) =>
      [DEPENDENCY(dependency.condition), compactText(dependency, ['service', 'condition'])].join(' ').trim(),
  ),
  ports: PORT,
};

/** The word of an enum's value, as compose files write it; 0, which goes without saying, is shown as well. */
function words(values: Readonly<Record<string, unknown>>): (value: unknown) => string | undefined {
  return (value) => {
    const name = Object.keys(values).find((key) => values[key] === value);
    if (name === undefined) return value === undefined ? undefined : String(value);
    return name === 'UNSPECIFIED' ? undefined : asWord(name);
  };
}

function asWord(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

const DEPENDENCY = (condition: DependencyCondition) =>
  condition === DependencyCondition.COMPLETED
    ? 'service_completed_successfully'
    : `service_${words(DependencyCondition)(condition)}`;

/** 0 says something here. */
const duration = (value: unknown) => (typeof value === 'number' ? durationText(value) : undefined);
const count = (value: unknown) => (value === undefined ? undefined : String(value));
const cpus = (value: unknown) => (typeof value === 'number' && value !== 0 ? String(value / 1e9) : undefined);
const platforms = (value: unknown) =>
  Array.isArray(value) && value.length > 0 ? (value as Platform[]).map(platformText).join(', ') : undefined;

const UPDATE_CONFIG = ['update', 'rollback'].flatMap((path): [string, (value: unknown) => string | undefined][] => [
  [`${path}.parallelism`, count],
  [`${path}.order`, words(UpdateOrder)],
  [`${path}.failureAction`, words(FailureAction)],
  [`${path}.monitorMs`, duration],
]);

/** Of a list that may be empty on purpose. */
const items = (value: unknown) => (value === undefined ? undefined : JSON.stringify((value as StringList).items));

const VALUES = new Map<string, (value: unknown) => string | undefined>([
  ['task.container.command', items],
  ['task.container.entrypoint', items],
  ['mode.value.replicas', count],
  ['mode.value.totalCompletions', count],
  ['mode.value.maxConcurrent', count],
  ['task.container.stopGracePeriodMs', duration],
  ['task.container.cgroup.memorySwappiness', count],
  ['task.container.pullPolicy', words(PullPolicy)],
  ['task.resources.limits.nanoCpus', cpus],
  ['task.resources.reservations.nanoCpus', cpus],
  ['task.restart.delayMs', duration],
  ['task.restart.condition', words(RestartCondition)],
  ['placement.strategy', words(PlacementStrategy)],
  ['placement.platforms', platforms],
  ['placement.imagePlatforms', platforms],
  ['endpointMode', words(EndpointMode)],
  ['ingressScope', words(IngressScope)],
  ...UPDATE_CONFIG,
]);

/** Of files of secrets and configs. */
const DEFAULT_FILE_MODE = 0o444;

/** `labelOf`: what the object that has this id is called. */
export function specFields(labelOf: (id: string) => string): FieldNames {
  const file = list<FileReference>(
    ({ target }) => target,
    (reference) => {
      const { id, name, mode } = reference;
      const shown = { ...reference, mode: mode === DEFAULT_FILE_MODE ? '' : `0${mode.toString(8)}` };
      return [id === '' ? name : labelOf(id), compactText(shown, ['id', 'name', 'target'])].join(' ').trim();
    },
  );
  const network = list<NetworkAttachmentConfig>(
    ({ target }) => labelOf(target),
    (attachment) => compactText(attachment, ['target']) || 'attached',
  );
  return {
    renamed: new Map(Object.entries(RENAMED)),
    values: VALUES,
    keyed: new Map(
      Object.entries({
        ...KEYED,
        'task.networks': network,
        'task.container.secrets': file,
        'task.container.configs': file,
      }),
    ),
    isMap,
  };
}

/** Of networks, secrets and configs. */
export const OBJECT_FIELDS: FieldNames = {
  renamed: new Map([['annotations', '']]),
  values: new Map(),
  keyed: new Map(),
  isMap,
};
