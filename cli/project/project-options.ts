/** Which project a compose verb is about, and what its files say. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { complain } from '../cli.ts';
import { collect } from '../command-line.ts';
import { type LoadedStack, loadStack } from '../compose/load-stack.ts';
import { loadSource } from '../compose/source/load-source.ts';
import { ProblemError, problemsError } from '../compose/syntax/problem.ts';
import { oneOf } from '../options/words.ts';
import type { ProgressMode } from '../terminal/progress.ts';
import { readStackFile } from './read-stack-file.ts';
import { declareShared } from './shared-flags.ts';
import { declareSource, type SourceOptions } from './source-options.ts';

export interface ProjectOptions extends SourceOptions {
  readonly file: readonly string[];
  readonly projectName?: string;
  readonly ansi: Ansi;
  readonly progress: ProgressMode;
}

/** Whether what is printed has colours: on a terminal, always, or never. */
export type Ansi = 'auto' | 'always' | 'never';

export function declareProject(command: Command): Command {
  return declareDisplay(
    declareSource(command)
      .option('--file <file>', "compose file; '-' for standard input; before the verb also -f", collect, [])
      .option('--project-name <name>', 'name of the project; before the verb also -p'),
  );
}

/** How things are shown, and what else stands before the verbs of `docker compose`. */
export function declareDisplay(command: Command): Command {
  return declareShared(command)
    .option(
      '--ansi <choice>',
      'when to use colours: auto, always or never (default: auto)',
      oneOf('--ansi', { auto: 'auto', always: 'always', never: 'never' }),
      'auto',
    )
    .option(
      '--progress <how>',
      'how progress is shown: auto, tty, plain or quiet (default: auto)',
      oneOf('--progress', { auto: 'auto', tty: 'tty', plain: 'plain', quiet: 'quiet' }),
      'auto',
    );
}

/** All that the files say, with the profiles of the services that are named. Warnings go to standard error. */
export async function loadProject(
  cli: Cli,
  options: ProjectOptions,
  named: readonly string[] = [],
): Promise<LoadedStack> {
  const source = sourceOf(cli, options);
  const loaded = loadStack({ ...source, stackName: options.projectName, named, defaultRestart: 'none' });
  for (const warning of loaded.warnings) await complain(cli, `gantry: warning: ${warning}`);
  return loaded;
}

/** Names of all services in the files, also of those whose profiles aren't active. */
export function allServiceNames(cli: Cli, options: ProjectOptions): Set<string> {
  const source = sourceOf(cli, { ...options, profile: ['*'] });
  return new Set(loadStack({ ...source, stackName: options.projectName }).services.map(({ name }) => name));
}

/** The files are read only where nothing else says what it is called. */
export function projectName(cli: Cli, options: ProjectOptions): string {
  const given = options.projectName ?? (cli.env.COMPOSE_PROJECT_NAME || undefined);
  if (given !== undefined) return given;
  try {
    return loadSource({ ...sourceOf(cli, options), projectName: undefined, interpolates: true }).name;
  } catch (error) {
    throw error instanceof ProblemError ? problemsError([error.problem]) : error;
  }
}

function sourceOf(cli: Cli, { file, projectDirectory, envFile, profile }: ProjectOptions) {
  return {
    files: file,
    projectDirectory,
    envFiles: envFile,
    profiles: profile,
    workingDirectory: cli.cwd,
    env: cli.env,
    readBytes: readStackFile,
  };
}
