/** Flags that say what a stack is read from. */
import type { Command } from 'commander';
import { collect } from '../../command-line.ts';
import { declareSource, type SourceOptions } from '../../project/source-options.ts';

export interface ProjectOptions extends SourceOptions {
  readonly composeFile: readonly string[];
}

export function declareProject(command: Command): Command {
  return declareSource(
    command.option('-c, --compose-file <file>', "compose file; '-' for standard input", collect, []),
  );
}
