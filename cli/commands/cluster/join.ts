import type { Command } from 'commander';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { parseAvailability } from '../../options/node-options.ts';

interface JoinOptions {
  readonly token: string;
  readonly advertiseAddr: string;
  readonly availability: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<manager>', 'IP[:PORT] of a manager')
    .requiredOption('--token <token>', "what 'gantry cluster join-token' prints on a manager")
    .option(
      '--advertise-addr <address>',
      'IP[:PORT] that other nodes reach this one at; the one that the manager is reached from if left out',
      '',
    )
    .option('--availability <availability>', 'active, pause or drain', 'active')
    .action(async (manager: string, { token, advertiseAddr, availability: word }: JoinOptions) => {
      const request = { token, manager, advertiseAddr, availability: parseAvailability(word) };
      const { role } = await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterJoin, request));
      await printLine(cli, `This node joined a cluster as a ${role === NodeRole.MANAGER ? 'manager' : 'worker'}.`);
    });
  refuse(command, '--listen-addr <address>', 'use --advertise-addr');
  refuse(command, '--data-path-addr <address>', 'it is the advertised address');
}
