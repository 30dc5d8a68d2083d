/**
 * Services whose tasks a service's own are beside, each with the one of its slot: on its network, or in its IPC or PID namespace.
 * The modes are as Compose writes them, `service:NAME`, with a service's full name. Pure.
 */
import type { ContainerSpec } from './generated/gantry/v1/types.ts';

const OF_SERVICE = 'service:';

type Sharing = Pick<ContainerSpec, 'networkOf' | 'ipcMode' | 'pidMode'>;

/** Undefined: the mode names none. */
export function serviceOfMode(mode: string): string | undefined {
  return mode.startsWith(OF_SERVICE) ? mode.slice(OF_SERVICE.length) : undefined;
}

export function modeOfService(name: string): string {
  return `${OF_SERVICE}${name}`;
}

/** Each once. A task can be beside one only. */
export function sharedServices({ networkOf, ipcMode, pidMode }: Sharing): string[] {
  const named = [networkOf === '' ? undefined : networkOf, serviceOfMode(ipcMode), serviceOfMode(pidMode)];
  return [...new Set(named.filter((name) => name !== undefined))];
}

/** Undefined: its tasks share nothing of others. */
export function sharedService(container: Sharing): string | undefined {
  return sharedServices(container)[0];
}

/** What of the other one it is about, in words. */
export function sharedPart({ networkOf }: Pick<Sharing, 'networkOf'>): 'network' | 'namespaces' {
  return networkOf === '' ? 'namespaces' : 'network';
}

/** The mode with the other task's container in place of its service. */
export function modeBeside(mode: string, containerId: string | undefined): string {
  return serviceOfMode(mode) === undefined || containerId === undefined ? mode : `container:${containerId}`;
}
