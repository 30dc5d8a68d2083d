/** What a service's mode says of its tasks. */
import type { ServiceSpec } from './generated/gantry/v1/types.ts';

/** Its tasks are to complete, not to go on. */
export function isJob(spec: Pick<ServiceSpec, 'mode'> | undefined): boolean {
  return spec?.mode?.$case === 'replicatedJob' || spec?.mode?.$case === 'globalJob';
}
