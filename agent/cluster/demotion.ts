/** A manager that leaves by force lets go of its place among the others first, as far as that is possible. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient, unary } from '../../proto/client.ts';
import { ControlClient, type NodeInspectResponse } from '../../proto/generated/gantry/v1/control.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';

const RETRY_MS = 50;

/** Asks through this node's own manager, and waits until the others are without it. Rejects when `signal` aborts first. */
export async function demote(managerSocket: string, nodeId: string, signal: AbortSignal): Promise<void> {
  const client = connectClient(ControlClient, { kind: 'unix', path: managerSocket });
  try {
    const update = { reference: nodeId, role: NodeRole.WORKER, labelsAdd: {}, labelsRemove: [], force: true };
    await unary((done) => client.nodeUpdate(update, done), signal);
    while (await isManager(client, nodeId, signal)) await sleep(RETRY_MS, undefined, { signal });
  } finally {
    client.close();
  }
}

async function isManager(client: ControlClient, nodeId: string, signal: AbortSignal): Promise<boolean> {
  const { manager } = await unary<NodeInspectResponse>(
    (done) => client.nodeInspect({ reference: nodeId }, done),
    signal,
  );
  return manager !== undefined;
}
