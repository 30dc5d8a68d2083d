import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { parseAvailability, parseRole } from '../../options/node-options.ts';
import { parsePairs } from '../../options/pairs.ts';
import { NO_CHANGE } from './change-role.ts';
import { ownNodeId } from './own-node.ts';

interface UpdateOptions {
  readonly availability?: string;
  readonly role?: string;
  readonly labelAdd: readonly string[];
  readonly labelRm: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<node>', 'id or host name')
    .option('--availability <availability>', 'active, pause (no new tasks) or drain (no tasks)')
    .option('--role <role>', 'worker or manager')
    .option('--label-add <key=value>', 'add or change a label', collect, [])
    .option('--label-rm <key>', 'remove a label', collect, [])
    .action(async (name: string, { availability, role, labelAdd, labelRm }: UpdateOptions) => {
      const reference = name === 'self' ? await ownNodeId(cli) : name;
      const request = {
        ...NO_CHANGE,
        reference,
        role: role === undefined ? undefined : parseRole('--role', role),
        availability: availability === undefined ? undefined : parseAvailability(availability),
        labelsAdd: parsePairs('--label-add', labelAdd, () => ''),
        labelsRemove: [...labelRm],
      };
      await withClient(ControlClient, cli, (control) => ask(control, control.nodeUpdate, request));
      await printLine(cli, name);
    });
}
