/** The program where it only prints which commands there are: a script of its own, without those commands, loads in half the time. */
import { type Cli, print } from './cli.ts';
import { nounHelp, programHelp } from './commands/help.ts';
import { lookUp } from './commands/lookup.ts';
import { parseGlobalOptions } from './global-options.ts';

/** For command lines of which `asksForHelp` is true; as `main` of main.ts. */
export async function main(argv: readonly string[], cli: Cli): Promise<number> {
  const found = lookUp(parseGlobalOptions(argv).rest);
  await print(cli, found.kind === 'noun' ? nounHelp(found.noun) : programHelp());
  return cli.exitCode;
}
