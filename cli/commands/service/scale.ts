import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { parseScale } from '../../options/scale.ts';
import { waitForRollout } from '../../rollout/wait.ts';

interface ScaleOptions {
  readonly detach?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<service=replicas...>', 'services and how many tasks each shall have')
    .option('-d, --detach', "don't wait until it is so")
    .action(async (pairs: string[], { detach }: ScaleOptions) => {
      const replicas = parseScale(pairs);
      const references = Object.keys(replicas);
      await withClient(ControlClient, cli, async (control) => {
        await ask(control, control.serviceScale, { replicas });
        for (const reference of references) await printLine(cli, `${reference} scaled to ${replicas[reference]}`);
        if (!detach) await waitForRollout(cli, control, { references });
      });
    });
  refuse(command, '-q, --quiet', 'use --detach');
}
