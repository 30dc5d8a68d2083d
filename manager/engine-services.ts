/**
 * The engine of this manager's own host, for clients from afar: their calls go to its gantryd. On the host itself it is
 * gantryd that is asked, and nodes have no business there.
 */
import type { Client } from '@grpc/grpc-js';
import { GantryError } from '../proto/errors.ts';
import { EngineService } from '../proto/generated/gantry/v1/engine.ts';
import { NodeAgentService } from '../proto/generated/gantry/v1/node.ts';
import { unaryMethod } from '../proto/server.ts';
import { ENGINE_PERMISSIONS, NODE_AGENT_PERMISSIONS } from './clients/permissions.ts';
import { type Gate, passedOnService } from './forwarding/passed-on-service.ts';
import type { ManagerService } from './service.ts';

/** gantryd starts in well under this; whoever calls meanwhile waits. */
const READY_TIMEOUT_MS = 5000;

/** `gantryd`: a client of this host's, which the caller closes. */
export function engineServices(gantryd: Client, now: () => number): ManagerService[] {
  const gate = () => whenReady(gantryd, now());
  return [
    { ...passedOnService(EngineService, gate), access: 'client', permissions: ENGINE_PERMISSIONS },
    nodeAgentService(gate),
  ];
}

/** Whatever makes this node leave, join or stop ends the manager that would have to answer. */
function nodeAgentService(gate: Gate): ManagerService {
  const { definition, implementation } = passedOnService(NodeAgentService, gate);
  const all = Object.keys(NodeAgentService).map((name) => [name, onTheHostOnly]);
  const { clusterStatus } = implementation;
  return {
    definition,
    implementation: { ...Object.fromEntries(all), clusterStatus },
    access: 'client',
    permissions: NODE_AGENT_PERMISSIONS,
  };
}

const onTheHostOnly = unaryMethod<unknown, unknown>(async () => {
  throw new GantryError(
    'UNSUPPORTED',
    'a node is made part of a cluster, taken out of it, and stopped on its own host',
    {
      hint: 'run the command there; from afar, "gantry node demote" and "gantry node rm" take a node out',
    },
  );
});

function whenReady(gantryd: Client, nowMs: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    gantryd.waitForReady(nowMs + READY_TIMEOUT_MS, (cause) => {
      if (cause === undefined) resolve(gantryd);
      else reject(unavailable(cause));
    });
  });
}

function unavailable(cause: Error): GantryError {
  return new GantryError('UNAVAILABLE', "gantryd on this manager's host does not answer", {
    hint: 'see whether it runs there; commands for the cluster work meanwhile',
    cause,
  });
}
