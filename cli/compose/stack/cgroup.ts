/** The keys of a service that its containers' cgroups honour. */
import { validateCgroupParent } from '../../../proto/cgroup-parent.ts';
import { cgroupSettings } from '../../../proto/cgroup-settings.ts';
import { DEVICE_RULE_HINT, parseDeviceRule } from '../../../proto/device-rule.ts';
import { GantryError } from '../../../proto/errors.ts';
import type {
  BlkioRate,
  BlkioWeight,
  CgroupSettings,
  ContainerSpec,
  TaskSpec,
} from '../../../proto/generated/gantry/v1/types.ts';
import { isRuntime, RUNTIME_NAME } from '../../options/runtime.ts';
import type { ServiceContext } from './context.ts';
import { type Converters, convertFields } from './converters.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

/** Those that aren't limits. */
export const CGROUP: Converters<ContainerSpec, ServiceContext> = {
  annotations: (cursor) => ({ ociAnnotations: cursor.textByKey() }),
  cgroup: (cursor) => ({ cgroupnsMode: cursor.oneOf(['host', 'private']) === 'host' ? 'host' : '' }),
  cgroup_parent: (cursor) => ({ cgroupParent: readParent(cursor) }),
  runtime: (cursor) => {
    if (isRuntime(cursor.text())) return {};
    throw cursor.problem(`there is no runtime "${cursor.text()}"`, `remove it: containers run by ${RUNTIME_NAME}`);
  },
  userns_mode: (cursor) => {
    if (cursor.text() === 'host' || cursor.text() === '') return {};
    throw cursor.problem(
      `"${cursor.text()}" is not supported: containers run in their host's user namespace`,
      'write host, and have it run as a user that is not root: "user: 1000:1000"',
    );
  },
};

function readParent(cursor: ModelCursor): string {
  const parent = cursor.text();
  try {
    validateCgroupParent(parent);
  } catch (error) {
    if (error instanceof GantryError) throw cursor.problem(error.message, error.hint ?? 'correct it');
    throw error;
  }
  return parent;
}

const LIMITS: Converters<CgroupSettings, undefined> = {
  blkio_config: (cursor) => cursor.object({}, readBlkio),
  cpu_period: (cursor) => ({ cpuPeriodUs: zeroOr(cursor, 1000, 1_000_000) }),
  cpu_quota: (cursor) => ({ cpuQuotaUs: cursor.value === -1 ? -1 : zeroOr(cursor, 1000) }),
  cpu_shares: (cursor) => ({ cpuShares: cursor.integer(0) }),
  cpuset: (cursor) => ({ cpusetCpus: readCpuset(cursor) }),
  device_cgroup_rules: (cursor) => ({ deviceRules: cursor.items(readRule) }),
  mem_swappiness: (cursor) => ({ memorySwappiness: cursor.digits(0, 100) }),
  memswap_limit: (cursor) => ({ memorySwapBytes: cursor.value === '-1' ? -1 : cursor.bytes() }),
  oom_kill_disable: (cursor) => ({ oomKillDisable: cursor.boolean() }),
};

/** Undefined when none is there. */
export function convertCgroupSettings(fields: Fields): CgroupSettings | undefined {
  return cgroupSettings(convertFields(fields, LIMITS, undefined));
}

/** Reports what goes together with no container. `task`: with the limits that all keys of the service say together. */
export function checkBesideLimits(fields: Fields, task: TaskSpec | undefined): void {
  const settings = task?.container?.cgroup;
  const limits = task?.resources?.limits;
  if (settings === undefined) return;
  if ((limits?.nanoCpus ?? 0) > 0) {
    for (const key of ['cpu_period', 'cpu_quota']) {
      fields.cursor(key)?.report('does not go with a limit of CPUs', 'remove one: both say the same');
    }
  }
  const memory = limits?.memoryBytes ?? 0;
  const swap = fields.cursor('memswap_limit');
  if (settings.memorySwapBytes <= 0) return;
  if (memory === 0) swap?.report('needs a limit of memory beside it', 'add mem_limit: this is of both together');
  else if (settings.memorySwapBytes < memory)
    swap?.report('is less than the limit of memory', 'it is of memory and swap together: the same means no swap');
}

function readCpuset(cursor: ModelCursor): string {
  const text = cursor.text();
  if (/^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/.test(text)) return text;
  throw cursor.problem(`"${text}" is not a list of CPUs`, 'write it as "0-2,4"');
}

function readRule(item: ModelCursor): string {
  const text = item.text();
  if (parseDeviceRule(text) !== undefined) return text;
  throw item.problem(`"${text}" is not a rule`, DEVICE_RULE_HINT);
}

function readBlkio(fields: Fields): Partial<CgroupSettings> {
  const rates = (key: string): BlkioRate[] => fields.get(key, (list) => list.items(readRate)) ?? [];
  return {
    blkioWeight: fields.get('weight', readWeight) ?? 0,
    blkioWeightDevices: fields.get('weight_device', (list) => list.items(readDeviceWeight)) ?? [],
    deviceReadBps: rates('device_read_bps'),
    deviceWriteBps: rates('device_write_bps'),
    deviceReadIops: rates('device_read_iops'),
    deviceWriteIops: rates('device_write_iops'),
  };
}

/** The canonical model has the fields of disks by the names of Docker's API. */
function readDeviceWeight(item: ModelCursor): BlkioWeight {
  return item.object({}, (fields) => ({
    path: fields.get('Path', readDisk) ?? '',
    weight: fields.get('Weight', (one) => one.integer(10, 1000)) ?? 0,
  }));
}

function readRate(item: ModelCursor): BlkioRate {
  return item.object({}, (fields) => ({
    path: fields.get('Path', readDisk) ?? '',
    rate: fields.get('Rate', (one) => one.digits(1, Number.MAX_SAFE_INTEGER)) ?? 0,
  }));
}

function readDisk(cursor: ModelCursor): string {
  const path = cursor.text();
  if (path.startsWith('/dev/')) return path;
  throw cursor.problem(`"${path}" is not the path of a disk`, 'write it as /dev/sda');
}

function readWeight(cursor: ModelCursor): number {
  return zeroOr(cursor, 10, 1000);
}

/** 0 says nothing, as in Docker. */
function zeroOr(cursor: ModelCursor, minimum: number, maximum?: number): number {
  return cursor.value === 0 ? 0 : cursor.integer(minimum, maximum);
}
