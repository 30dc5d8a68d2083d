/** What is asked of a container's cgroup, under the names of Docker's HostConfig. */
import { CgroupSettings } from '../../../proto/generated/gantry/v1/types.ts';
import { type Fields, isFields, isList, isTrue, type Value } from '../../../proto/template/values.ts';

/** All of them, as `inspect` of a container shows them. `memoryBytes`: its limit of memory, 0 for none. */
export function cgroupFields(settings: CgroupSettings | undefined, memoryBytes: number): Fields {
  const given = settings ?? CgroupSettings.create();
  return {
    CpuShares: given.cpuShares,
    CpuPeriod: given.cpuPeriodUs,
    CpuQuota: given.cpuQuotaUs,
    CpusetCpus: given.cpusetCpus,
    CpusetMems: given.cpusetMems,
    MemorySwap: given.memorySwapBytes === 0 ? 2 * memoryBytes : given.memorySwapBytes,
    MemoryReservation: given.memoryReservationBytes,
    MemorySwappiness: given.memorySwappiness ?? null,
    OomKillDisable: given.oomKillDisable,
    BlkioWeight: given.blkioWeight,
    BlkioWeightDevice: given.blkioWeightDevices.map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: given.deviceReadBps.map(rateFields),
    BlkioDeviceWriteBps: given.deviceWriteBps.map(rateFields),
    BlkioDeviceReadIOps: given.deviceReadIops.map(rateFields),
    BlkioDeviceWriteIOps: given.deviceWriteIops.map(rateFields),
    DeviceCgroupRules: given.deviceRules,
  };
}

/** Only those that say something, as for a service's containers. */
export function givenCgroupFields(settings: CgroupSettings | undefined): Fields {
  return Object.fromEntries(
    Object.entries(cgroupFields(settings, 0)).filter(([name, value]) => saysSomething(value, name)),
  );
}

/** The same for people: `NAME:<tab>VALUE`. */
export function cgroupLines(settings: CgroupSettings | undefined): string[] {
  return Object.entries(givenCgroupFields(settings)).map(([name, value]) => ` ${name}:\t${asText(value)}`);
}

/** A swappiness of 0 differs from none. */
function saysSomething(value: Value, name: string): boolean {
  return name === 'MemorySwappiness' ? value !== null : isTrue(value);
}

function asText(value: Value): string {
  if (isList(value)) return value.map(asText).join(', ');
  return isFields(value) ? Object.values(value).join(':') : String(value);
}

function rateFields({ path, rate }: { readonly path: string; readonly rate: number }): Fields {
  return { Path: path, Rate: rate };
}
