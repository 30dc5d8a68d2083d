/** Flags that say what files are read, beside the files themselves: of stacks and of projects. */
import type { Command } from 'commander';
import { collect } from '../command-line.ts';

export interface SourceOptions {
  readonly projectDirectory?: string;
  readonly envFile: readonly string[];
  readonly profile: readonly string[];
}

export function declareSource(command: Command): Command {
  return command
    .option('--project-directory <directory>', 'what paths are relative to (default: the directory of the first file)')
    .option('--env-file <file>', 'file with variables', collect, [])
    .option('--profile <profile>', "profile whose services are in it; '*' for all", collect, []);
}
