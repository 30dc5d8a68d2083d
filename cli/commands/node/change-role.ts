/** `node promote` and `node demote`. */
import { ControlClient, type NodeUpdateRequest } from '../../../proto/generated/gantry/v1/control.ts';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { ownNodeId } from './own-node.ts';

/** A request that changes nothing. */
export const NO_CHANGE: NodeUpdateRequest = { reference: '', labelsAdd: {}, labelsRemove: [], force: false };

export async function changeRole(
  cli: Cli,
  references: readonly string[],
  role: NodeRole,
  force: boolean,
): Promise<void> {
  await withClient(ControlClient, cli, (control) =>
    forEach(cli, references, async (name) => {
      const reference = name === 'self' ? await ownNodeId(cli) : name;
      const { node } = await ask(control, control.nodeInspect, { reference });
      const isThere = node?.spec?.role === role;
      // Also when it is there: by force, a demotion is carried out that has been waiting for a quorum.
      if (!isThere || force) await ask(control, control.nodeUpdate, { ...NO_CHANGE, reference, role, force });
      return describe(name, role, isThere);
    }),
  );
}

function describe(name: string, role: NodeRole, isThere: boolean): string {
  const isManager = role === NodeRole.MANAGER;
  if (isThere) return `Node ${name} is already a ${isManager ? 'manager' : 'worker'}.`;
  return isManager ? `Node ${name} promoted to a manager in the cluster.` : `Manager ${name} demoted in the cluster.`;
}
