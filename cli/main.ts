/** One run of the program: global options, the command, and how it ends. */
import { type Cli, complain, print } from './cli.ts';
import { lookUp } from './commands/lookup.ts';
import type { CommandEntry } from './commands/registry.ts';
import { ContextStore, configDirectory } from './context/context-store.ts';
import { chooseTarget } from './context/target.ts';
import { CliError, exitCodeOf, failureText } from './failure.ts';
import { type GlobalOptions, parseGlobalOptions } from './global-options.ts';

/** Runs the command line and gives back the exit code. Never rejects for what a user did. */
export async function main(argv: readonly string[], cli: Cli): Promise<number> {
  try {
    const globals = parseGlobalOptions(argv);
    cli.contexts = () => new ContextStore(configDirectory(globals.config, cli.env));
    if (globals.action === 'run') cli.target = chooseTarget(globals, cli.env, () => cli.contexts().current());
    await act(cli, globals);
    return cli.exitCode;
  } catch (error) {
    await complain(cli, `gantry: ${failureText(error)}`);
    return exitCodeOf(error);
  }
}

async function act(cli: Cli, { action, rest }: GlobalOptions): Promise<void> {
  if (action === 'version') {
    const { clientVersionLine } = await import('./client-version.ts');
    return await print(cli, clientVersionLine());
  }
  if (action === 'help' || (rest[0] === 'help' && rest.length === 1)) {
    const { programHelp } = await import('./commands/help.ts');
    return await print(cli, programHelp());
  }
  if (rest[0] === '__complete') {
    const { answerShell } = await import('./completion/answer.ts');
    return await answerShell(rest.slice(1), cli);
  }
  await runWords(cli, rest[0] === 'help' ? [...rest.slice(1), '--help'] : rest);
}

async function runWords(cli: Cli, words: readonly string[]): Promise<void> {
  const found = lookUp(words);
  switch (found.kind) {
    case 'command':
      return await runEntry(cli, found.entry, found.path, found.rest);
    case 'noun': {
      const { nounHelp } = await import('./commands/help.ts');
      return await print(cli, nounHelp(found.noun));
    }
    case 'unsupported':
      throw new CliError(`"gantry ${found.path}" is not supported yet`, { hint: found.hint });
    case 'unknown':
      throw new CliError(`"gantry ${found.path}" is not a command`, {
        hint: found.suggestion === undefined ? "see 'gantry --help'" : `did you mean "gantry ${found.suggestion}"?`,
      });
  }
}

async function runEntry(cli: Cli, entry: CommandEntry, path: string, rest: readonly string[]): Promise<void> {
  const [{ newCommand, runCommand }, module] = await Promise.all([import('./command-line.ts'), entry.load()]);
  const command = newCommand(path, entry.summary);
  module.define(command, cli);
  await runCommand(command, rest);
}
