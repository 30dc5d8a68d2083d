/** The options before the command: `gantry --context prod ps`. */
import { CliError, EXIT } from './failure.ts';

export interface GlobalOptions {
  /** Undefined: not given. */
  readonly host: string | undefined;
  readonly context: string | undefined;
  /** Directory of the contexts. */
  readonly config: string | undefined;
  readonly tls: TlsFiles;
  readonly action: 'run' | 'help' | 'version';
  /** The command and what follows it. */
  readonly rest: readonly string[];
}

/** PEM files for a host that isn't in a context. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

type Valued = 'host' | 'context' | 'config' | 'ca' | 'cert' | 'key';

/** Options that take a value, by every way to write them. */
const VALUED: ReadonlyMap<string, Valued> = new Map([
  ['-H', 'host'],
  ['--host', 'host'],
  ['-c', 'context'],
  ['--context', 'context'],
  ['--config', 'config'],
  ['--tlscacert', 'ca'],
  ['--tlscert', 'cert'],
  ['--tlskey', 'key'],
]);

/** For completion: the long forms, which say what they are. */
export const GLOBAL_FLAGS: readonly { readonly value: string; readonly description: string }[] = [
  { value: '--host', description: 'where gantryd listens' },
  { value: '--context', description: 'the cluster to use' },
  { value: '--config', description: 'where contexts are kept' },
  { value: '--tlscacert', description: 'certificate of who signed those of the managers' },
  { value: '--tlscert', description: 'own certificate' },
  { value: '--tlskey', description: 'its key' },
  { value: '--help', description: 'print what commands there are' },
  { value: '--version', description: 'print the version and exit' },
];

export function parseGlobalOptions(argv: readonly string[]): GlobalOptions {
  const values: { [option in Valued]?: string } = {};
  let index = 0;
  for (; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (!argument.startsWith('-') || argument === '-') break;
    if (argument === '--help' || argument === '-h') return globalOptions(values, 'help', []);
    if (argument === '--version' || argument === '-v') return globalOptions(values, 'version', []);
    if (isTlsSwitch(argument)) continue;
    const { name, attached } = splitOption(argument);
    const option = VALUED.get(name);
    if (option === undefined) throw unknownOption(argument);
    const value = attached ?? argv[index + 1];
    if (value === undefined) {
      throw new CliError(`flag needs an argument: ${argument}`, { exitCode: EXIT.refused });
    }
    if (attached === undefined) index += 1;
    values[option] = value;
  }
  return globalOptions(values, index >= argv.length ? 'help' : 'run', argv.slice(index));
}

function globalOptions(
  { host, context, config, ca, cert, key }: { [option in Valued]?: string },
  action: GlobalOptions['action'],
  rest: readonly string[],
): GlobalOptions {
  return { host, context, config, tls: { ca, cert, key }, action, rest };
}

/** `--tlsverify` says what is always so. Without it, Docker's clients would talk to anybody; ours never do. */
function isTlsSwitch(argument: string): boolean {
  if (argument === '--tlsverify' || argument === '--tlsverify=true') return true;
  if (!/^--(tls|tlsverify)(=|$)/.test(argument)) return false;
  throw new CliError(`${argument} is not supported: managers are always verified`, {
    hint: 'use --tlscacert, --tlscert and --tlskey, or a context',
    exitCode: EXIT.refused,
  });
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

function unknownOption(argument: string): CliError {
  return new CliError(`unknown flag: ${argument}`, { hint: "see 'gantry --help'", exitCode: EXIT.refused });
}
