/** How a node is told to join: what `cluster init` and `cluster join-token` print. */

import type { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { ask } from '../../connection.ts';

export interface JoinToken {
  readonly token: string;
  readonly command: string;
}

export async function askJoinToken(control: ControlClient, role: NodeRole, rotate: boolean): Promise<JoinToken> {
  const { token, managerAddress } = await ask(control, control.clusterJoinToken, { role, rotate });
  return { token, command: `gantry cluster join --token ${token} ${managerAddress}` };
}

export function joinInstructions(role: string, { command }: JoinToken): string {
  return `To add a ${role} to this cluster, run the following command:\n\n    ${command}\n`;
}
