/** Engine methods about networks of this host, and containers on them. */
import { GantryError } from '../../proto/errors.ts';
import type { EngineParts, NetworkHandlers } from './api.ts';

export function networkHandlers({
  containers,
  networks,
}: Pick<EngineParts, 'containers' | 'networks'>): NetworkHandlers {
  return {
    async localNetworkList() {
      return { networks: await networks.list() };
    },
    async localNetworkCreate({ spec }) {
      if (spec === undefined) throw new GantryError('INVALID_ARGUMENT', 'LocalNetworkCreate must be sent a spec');
      return { id: await networks.create(spec) };
    },
    async localNetworkInspect({ reference }) {
      const endpoints = networks.endpointsOf(reference).map((endpoint) => ({
        ...endpoint,
        taskId: taskOf(containers, endpoint.containerId),
      }));
      return { network: networks.find(reference), endpoints };
    },
    async localNetworkRemove({ reference }) {
      await networks.remove(reference);
      return {};
    },
    async networkConnect({ container, network }) {
      if (network === undefined) throw new GantryError('INVALID_ARGUMENT', 'NetworkConnect must be sent a network');
      await containers.connect(container, network);
      return {};
    },
    async networkDisconnect({ container, network, force }) {
      await containers.disconnect(container, network, force);
      return {};
    },
    networkCheck: (requests, signal) => networks.check(requests, signal),
    async networkProbe({ networks: wanted }) {
      return await networks.probeNetworks(wanted);
    },
  };
}

/** Empty for what is on a network and is no container: a step of a build, say, or one that has just been removed. */
function taskOf(containers: EngineParts['containers'], containerId: string): string {
  try {
    return containers.inspect(containerId).taskId;
  } catch (error) {
    if (error instanceof GantryError && error.code === 'NOT_FOUND') return '';
    throw error;
  }
}
