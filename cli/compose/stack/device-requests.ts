/** `gpus`, and `deploy.resources.reservations.devices`: devices by name, or so many units of a kind. */
import { ALL_GPUS, gpuName, parseCdiName } from '../../../proto/cdi-device.ts';
import type { GenericReservation } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

export interface DeviceRequests {
  /** By what the hosts have been told that they have. */
  readonly generic: readonly GenericReservation[];
  /** By what the hosts' CDI files describe. */
  readonly cdiDevices: readonly string[];
}

const GPU = 'gpu';
const NAMES_HINT =
  'name devices as CDI files do, "nvidia.com/gpu=0"; or say how many, count: 1, and tell each host which it has: ' +
  'gantryd --node-generic-resource gpu=/dev/dri/renderD128, or gpu=nvidia.com/gpu=0';

/** Of one kind all that is asked for together. */
export function convertDeviceRequests(gpus: ModelCursor | undefined, devices: ModelCursor | undefined): DeviceRequests {
  const all = [
    ...(gpus?.attempt((list) => list.items((item) => readRequest(item, GPU))) ?? []),
    ...(devices?.attempt((list) => list.items((item) => readRequest(item, undefined))) ?? []),
  ];
  const counts = new Map<string, number>();
  for (const { kind, count } of all.flatMap(({ generic }) => generic))
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  return {
    generic: [...counts].map(([kind, count]) => ({ kind, count })),
    cdiDevices: [...new Set(all.flatMap(({ cdiDevices }) => cdiDevices))],
  };
}

/** `kind`: what is asked for without being said. */
function readRequest(item: ModelCursor, kind: string | undefined): DeviceRequests {
  return item.object({}, (fields) => {
    const ids = fields.texts('device_ids');
    refuseOptions(fields);
    const capabilities = fields.texts('capabilities');
    const count = fields.get('count', (cursor) => cursor.integer(-1));
    const driver = fields.text('driver');
    const isGpu = kind === GPU || capabilities.includes(GPU);
    if (ids.length > 0) return { generic: [], cdiDevices: ids.map((id) => cdiName(item, id, isGpu)) };
    if (driver !== '' && driver !== 'nvidia') {
      throw item.problem(`the driver "${driver}" has no units to count here`, NAMES_HINT);
    }
    if (count === undefined || count < 0) {
      if (isGpu) return { generic: [], cdiDevices: [ALL_GPUS] };
      throw item.problem('all devices of a host, however many there are, can’t be reserved', NAMES_HINT);
    }
    if (count === 0) return { generic: [], cdiDevices: [] };
    const wanted = kind ?? kindOf(item, capabilities);
    return { generic: [{ kind: wanted, count }], cdiDevices: [] };
  });
}

function refuseOptions(fields: Fields): void {
  const options = fields.cursor('options');
  if (options !== undefined && Object.keys(fields.textByKey('options')).length > 0) {
    options.report('options of a driver are not supported', 'remove them');
  }
}

/** That of a GPU may be its number, as NVIDIA's tools count them. */
function cdiName(item: ModelCursor, id: string, isGpu: boolean): string {
  const name = isGpu ? gpuName(id) : id;
  if (name !== undefined && parseCdiName(name) !== undefined) return name;
  throw item.problem(`"${id}" is not the name of a CDI device`, NAMES_HINT);
}

function kindOf(item: ModelCursor, capabilities: readonly string[]): string {
  const [first] = capabilities;
  if (capabilities.includes(GPU)) return GPU;
  if (first !== undefined) return first;
  throw item.problem('says not of what', 'add "capabilities: [gpu]"');
}
