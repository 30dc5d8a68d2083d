/** A network in the form of `docker network inspect`. */
import type { LocalNetwork, NetworkEndpoint } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields, Value } from '../../../proto/template/values.ts';
import { rfc3339 } from '../duration.ts';
import { stringMap } from './inspect-values.ts';

/** `endpoints`: of the daemon's host. */
export function inspectNetwork(network: LocalNetwork, endpoints: readonly NetworkEndpoint[]): Fields {
  return {
    Name: network.name,
    Id: network.id,
    Created: rfc3339(network.createdAtMs),
    Scope: network.cluster ? 'swarm' : 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6Subnet !== '',
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: [
        {
          Subnet: network.subnet,
          ...(network.ipRange === '' ? {} : { IPRange: network.ipRange }),
          Gateway: network.gateway,
          ...(Object.keys(network.auxAddresses).length === 0
            ? {}
            : { AuxiliaryAddresses: stringMap(network.auxAddresses) }),
        },
        ...ipv6Config(network),
      ],
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: containers(endpoints),
    Options: stringMap(network.driverOpts),
    Labels: stringMap(network.labels),
  };
}

function ipv6Config({ ipv6Subnet, ipv6Gateway, ipv6Range }: LocalNetwork): Fields[] {
  if (ipv6Subnet === '') return [];
  return [{ Subnet: ipv6Subnet, ...(ipv6Range === '' ? {} : { IPRange: ipv6Range }), Gateway: ipv6Gateway }];
}

function containers(endpoints: readonly NetworkEndpoint[]): Value {
  return new Map(
    endpoints.map((endpoint): [string, Value] => [
      endpoint.containerId,
      {
        Name: endpoint.containerName,
        EndpointID: '',
        MacAddress: endpoint.macAddress,
        IPv4Address: `${endpoint.address}/${endpoint.prefixLength}`,
        IPv6Address: endpoint.ipv6Address === '' ? '' : `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}`,
      },
    ]),
  );
}
