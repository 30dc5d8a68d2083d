/** The node that the command line talks to, which users call `self`. */
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';

export async function ownNodeId(cli: Cli): Promise<string> {
  const { nodeId } = await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterStatus, {}));
  return nodeId;
}
