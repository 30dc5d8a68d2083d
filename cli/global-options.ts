/** The options before the command: `gantry -H unix:///x.sock ps`. */
import { CliError, EXIT } from './failure.ts';

export interface GlobalOptions {
  readonly host: string | undefined;
  readonly action: 'run' | 'help' | 'version';
  /** The command and what follows it. */
  readonly rest: readonly string[];
}

/** Options that take a value, by every way to write them. */
const VALUED: ReadonlyMap<string, 'host' | 'context'> = new Map([
  ['-H', 'host'],
  ['--host', 'host'],
  ['-c', 'context'],
  ['--context', 'context'],
]);

export function parseGlobalOptions(argv: readonly string[]): GlobalOptions {
  let host: string | undefined;
  let index = 0;
  for (; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (!argument.startsWith('-') || argument === '-') break;
    if (argument === '--help' || argument === '-h') return { host, action: 'help', rest: [] };
    if (argument === '--version' || argument === '-v') return { host, action: 'version', rest: [] };
    const { name, attached } = splitOption(argument);
    const option = VALUED.get(name);
    if (option === undefined) throw unknownOption(argument);
    const value = attached ?? argv[index + 1];
    if (value === undefined) {
      throw new CliError(`flag needs an argument: ${argument}`, { exitCode: EXIT.refused });
    }
    if (attached === undefined) index += 1;
    if (option === 'host') host = value;
    else refuseContext(value);
  }
  return { host, action: index >= argv.length ? 'help' : 'run', rest: argv.slice(index) };
}

function splitOption(argument: string): { name: string; attached: string | undefined } {
  const equals = argument.indexOf('=');
  if (argument.startsWith('--')) {
    if (equals === -1) return { name: argument, attached: undefined };
    return { name: argument.slice(0, equals), attached: argument.slice(equals + 1) };
  }
  if (argument.length === 2) return { name: argument, attached: undefined };
  return { name: argument.slice(0, 2), attached: argument.slice(equals === 2 ? 3 : 2) };
}

function refuseContext(name: string): void {
  if (name === 'default') return;
  throw new CliError(`--context ${name}: contexts are not supported yet`, {
    hint: 'name the daemon with -H or GANTRY_HOST',
  });
}

function unknownOption(argument: string): CliError {
  return new CliError(`unknown flag: ${argument}`, { hint: "see 'gantry --help'", exitCode: EXIT.refused });
}
