/** How a container shares its host's disks with others. */
import type { BlkioRate, CgroupSettings } from '../../../proto/generated/gantry/v1/types.ts';
import type { OciBlockIo, OciThrottle } from './oci.ts';

/** Numbers of the host's block devices, by their paths. */
export type BlockDevices = ReadonlyMap<string, { readonly major: number; readonly minor: number }>;

/** The paths whose numbers blockIo must know. */
export function blockDevicePaths(settings: CgroupSettings): string[] {
  const { blkioWeightDevices, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops } = settings;
  const named = [blkioWeightDevices, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops].flat();
  return named.map(({ path }) => path);
}

export function blockIo(settings: CgroupSettings, devices: BlockDevices): OciBlockIo {
  const { blkioWeight: weight, blkioWeightDevices } = settings;
  const weights = blkioWeightDevices.flatMap(({ path, weight: own }) => numbered(path, devices, { weight: own }));
  return {
    ...(weight > 0 && { weight }),
    ...(weights.length > 0 && { weightDevice: weights }),
    ...throttles('throttleReadBpsDevice', settings.deviceReadBps, devices),
    ...throttles('throttleWriteBpsDevice', settings.deviceWriteBps, devices),
    ...throttles('throttleReadIOPSDevice', settings.deviceReadIops, devices),
    ...throttles('throttleWriteIOPSDevice', settings.deviceWriteIops, devices),
  };
}

type ThrottleKey = Exclude<keyof OciBlockIo, 'weight' | 'weightDevice'>;

function throttles(key: ThrottleKey, rates: readonly BlkioRate[], devices: BlockDevices): OciBlockIo {
  const list: OciThrottle[] = rates.flatMap(({ path, rate }) => numbered(path, devices, { rate }));
  return list.length === 0 ? {} : { [key]: list };
}

function numbered<T extends object>(path: string, devices: BlockDevices, value: T) {
  const device = devices.get(path);
  return device === undefined ? [] : [{ major: device.major, minor: device.minor, ...value }];
}
