/** Containers that `compose run` has made: how they are told from those of services. */
import type { Container } from '../../proto/generated/gantry/v1/engine.ts';
import { STACK_LABEL } from '../format/rows/service-row.ts';

/** As docker compose labels them. */
const ONE_OFF_LABEL = 'com.docker.compose.oneoff';
export const SERVICE_LABEL = 'com.docker.compose.service';

export function oneOffLabels(project: string, service: string): Record<string, string> {
  return { [STACK_LABEL]: project, [SERVICE_LABEL]: service, [ONE_OFF_LABEL]: 'True' };
}

/** Of the engine's list of containers. */
export function oneOffFilters(project: string): string[] {
  return [`label=${STACK_LABEL}=${project}`, `label=${ONE_OFF_LABEL}=True`];
}

/** Tasks' containers have what labels the files give them. */
export function isOneOff({ taskId }: Container): boolean {
  return taskId === '';
}
