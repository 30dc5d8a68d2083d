/** What is asked of containers' cgroups, as specs hold it. */
import { CgroupSettings } from './generated/gantry/v1/types.ts';

/** Undefined when nothing is asked for: then a spec has none, and is the same as one of before there were any. */
export function cgroupSettings(asked: Partial<CgroupSettings>): CgroupSettings | undefined {
  const settings = CgroupSettings.create(asked);
  return CgroupSettings.encode(settings).finish().length === 0 ? undefined : settings;
}
