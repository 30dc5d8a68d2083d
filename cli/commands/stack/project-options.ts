/** Flags that say what a project is read from. */
import type { Command } from 'commander';
import { collect } from '../../command-line.ts';

export interface ProjectOptions {
  readonly composeFile: readonly string[];
  readonly projectDirectory?: string;
  readonly envFile: readonly string[];
  readonly profile: readonly string[];
}

export function declareProject(command: Command): Command {
  return command
    .option('-c, --compose-file <file>', "compose file; '-' for standard input", collect, [])
    .option('--project-directory <directory>', 'what paths are relative to (default: the directory of the first file)')
    .option('--env-file <file>', 'file with variables', collect, [])
    .option('--profile <profile>', "profile whose services are in it; '*' for all", collect, []);
}
