import type { Command } from 'commander';
import { type HealthResponse, LocalManagerClient } from '../../../proto/generated/gantry/v1/manager.ts';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { type Cli, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { declareUnlockKeyFile, type UnlockKeyOption, unlockKeyOf } from './unlock-key-option.ts';

interface RecoverOptions extends UnlockKeyOption {
  readonly force?: boolean;
}

const DONE = `Cluster recovered: this node is its only manager. What runs goes on.
Managers that were lost are workers if they come back; make managers with 'gantry node promote'.`;

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'although the managers have quorum, or this one cannot tell')
    .action(async ({ force = false, ...options }: RecoverOptions) => {
      const health = await withClient(LocalManagerClient, cli, healthOf);
      const needsKey = options.unlockKeyFile !== undefined || health?.autolock === true;
      const unlockKey = needsKey ? await unlockKeyOf(cli, options) : '';
      await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterRecover, { force, unlockKey }));
      await printLine(cli, DONE);
    });
  declareUnlockKeyFile(command);
}

/** Undefined when the manager can't be asked: whether that matters is gantryd's to say. */
async function healthOf(manager: LocalManagerClient): Promise<HealthResponse | undefined> {
  try {
    return await ask(manager, manager.health, {});
  } catch {
    return undefined;
  }
}
