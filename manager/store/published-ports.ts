/** Which ports of a service are published, on which addresses of nodes. Pure. */
import { type PortConfig, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { hasWayOut, type ServiceObject } from './service.ts';

/** What of a network says whether ports lead there. */
export interface PublishingNetwork {
  readonly spec: { readonly internal: boolean };
  readonly ipv6Subnet: string;
}

export type NetworkOf = (networkId: string) => PublishingNetwork | undefined;

type Publishing = Pick<ServiceObject, 'spec' | 'ports'>;

const ALL_ADDRESSES6 = '::';

/** What nodes are told: as stored, and those of all nodes' addresses once more for IPv6 where the tasks have it. */
export function publishedPorts(service: Publishing, networkOf: NetworkOf): PortConfig[] {
  if (!hasWayOut(service.spec.task, (id) => networkOf(id)?.spec.internal === true)) return [];
  const ingress = service.ports.filter(({ mode }) => mode === PublishMode.INGRESS);
  return hasWayOut6(service, networkOf) ? [...service.ports, ...onIpv6(ingress)] : service.ports;
}

/** What must be free on nodes: also what each of them publishes for its own tasks, which it does on IPv6 by itself. */
export function portsToTake(service: Publishing, networkOf: NetworkOf): PortConfig[] {
  const ports = service.ports.filter(({ publishedPort }) => publishedPort !== 0);
  return hasWayOut6(service, networkOf) ? [...ports, ...onIpv6(ports)] : ports;
}

function hasWayOut6({ spec }: Publishing, networkOf: NetworkOf): boolean {
  return spec.task.networks.some(({ target }) => {
    const network = networkOf(target);
    return network !== undefined && !network.spec.internal && network.ipv6Subnet !== '';
  });
}

/** Those of no particular address. */
function onIpv6(ports: readonly PortConfig[]): PortConfig[] {
  return ports.filter(({ hostIp }) => hostIp === '').map((port) => ({ ...port, hostIp: ALL_ADDRESSES6 }));
}
