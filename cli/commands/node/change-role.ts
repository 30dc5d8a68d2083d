/** `node promote` and `node demote`. */
import { setTimeout as delay } from 'node:timers/promises';
import { ControlClient, type NodeUpdateRequest } from '../../../proto/generated/gantry/v1/control.ts';
import { type Node, NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { isGantryError } from '../../failure.ts';
import { ownNodeId } from './own-node.ts';

/** An election takes one to two seconds; where the log is in etcd, five. */
const PATIENCE_MS = 8000;
const PAUSE_MS = 250;

/** A request that changes nothing. */
export const NO_CHANGE: NodeUpdateRequest = { reference: '', labelsAdd: {}, labelsRemove: [], force: false };

/** The node that is asked comes last when it is demoted: its manager, through which the others are reached, ends with that. */
export async function changeRole(
  cli: Cli,
  references: readonly string[],
  role: NodeRole,
  force: boolean,
): Promise<void> {
  const selfId = references.length > 1 || references.includes('self') ? await ownNodeId(cli) : '';
  await withClient(ControlClient, cli, async (control) => {
    const change = async (name: string, node: Node | undefined) => {
      const isThere = node?.spec?.role === role;
      const reference = node?.id ?? name;
      // Also when it is there: by force, a demotion is carried out that has been waiting for a quorum.
      if (!isThere || force) await insist(control, { ...NO_CHANGE, reference, role, force });
      return describe(name, role, isThere);
    };
    const last: (() => Promise<string>)[] = [];
    await forEach(cli, references, async (name) => {
      const { node } = await ask(control, control.nodeInspect, { reference: name === 'self' ? selfId : name });
      if (role === NodeRole.MANAGER || node?.id !== selfId) return await change(name, node);
      last.push(() => change(name, node));
      return '';
    });
    for (const finish of last) await forEach(cli, [''], finish);
  });
}

/** The leader may be the one that is demoted, and end before it has answered: what it was asked for is asked for again. */
async function insist(control: ControlClient, request: NodeUpdateRequest): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      await ask(control, control.nodeUpdate, request);
      return;
    } catch (error) {
      const isOver = !isGantryError(error) || error.code !== 'UNAVAILABLE' || Date.now() > deadline;
      if (isOver) throw error;
      await delay(PAUSE_MS);
    }
  }
}

function describe(name: string, role: NodeRole, isThere: boolean): string {
  const isManager = role === NodeRole.MANAGER;
  if (isThere) return `Node ${name} is already a ${isManager ? 'manager' : 'worker'}.`;
  return isManager ? `Node ${name} promoted to a manager in the cluster.` : `Manager ${name} demoted in the cluster.`;
}
