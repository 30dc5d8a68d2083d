import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { type InspectedNode, inspectNode, prettyNode } from '../../format/inspect/node-inspect.ts';
import { renderInspect } from '../../format/listing.ts';
import { ownNodeId } from './own-node.ts';

interface InspectOptions {
  readonly format?: string;
  readonly pretty?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<node...>', "ids or host names, or 'self'")
    .option('-f, --format <template>', "'json' or a Go template")
    .option('--pretty', 'as text for people')
    .action(async (references: string[], { format, pretty }: InspectOptions) => {
      if (pretty && format !== undefined) throw new CliError('--format is incompatible with --pretty');
      const nodes = await withClient(ControlClient, cli, async (control) => {
        const found: InspectedNode[] = [];
        for (const name of references) {
          const reference = name === 'self' ? await ownNodeId(cli) : name;
          const { node, manager } = await ask(control, control.nodeInspect, { reference });
          if (node !== undefined) found.push({ node, manager });
        }
        return found;
      });
      await print(cli, pretty ? nodes.map(prettyNode).join('\n') : renderInspect(nodes.map(inspectNode), format));
    });
}
