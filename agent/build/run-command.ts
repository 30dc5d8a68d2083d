/** What a RUN instruction runs, and with which variables. Pure. */
import { compareText } from '../image/text-order.ts';
import { type Instruction, parseExecForm } from './dockerfile.ts';
import type { Heredoc } from './heredoc.ts';
import type { StageState } from './stage-state.ts';

export interface RunCommand {
  readonly argv: readonly string[];
  /** A here-document with an interpreter of its own: a file for the step alone, which argv names. */
  readonly script: { readonly path: string; readonly content: string } | undefined;
}

/** Where the step finds such a script. */
const SCRIPT_DIRECTORY = '/dev/pipes/';

/** The exec form as it is; the shell form, with here-documents put back, through the shell. */
export function runCommand({ text, heredocs }: Instruction, shell: readonly string[]): RunCommand {
  const exec = parseExecForm(text);
  if (exec !== undefined) return { argv: exec, script: undefined };
  const [only] = heredocs;
  // RUN <<EOF: the document is the script.
  if (only !== undefined && heredocs.length === 1 && text === only.marker) return scriptCommand(only, shell);
  const documents = heredocs.map(({ name, content }) => `\n${content}${name}`);
  return { argv: [...shell, text + documents.join('')], script: undefined };
}

function scriptCommand({ name, content }: Heredoc, shell: readonly string[]): RunCommand {
  if (!content.startsWith('#!')) return { argv: [...shell, content], script: undefined };
  const path = SCRIPT_DIRECTORY + name;
  return { argv: [path], script: { path, content } };
}

/** Arguments that have a value, then the config's environment, which wins. */
export function stepEnvironment(state: StageState): string[] {
  const { env } = state.document.config;
  const isSet = (name: string) => env.some((entry) => entry.startsWith(`${name}=`));
  const args = [...state.args].filter(([name]) => !isSet(name)).map(([name, value]) => `${name}=${value}`);
  return [...args.sort(compareText), ...env];
}

/** Given to every RUN without being declared, and no part of the cache's key: docs.docker.com, "Predefined ARGs". */
const PROXY_ARGS = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** Those that are given and that the environment doesn't have itself. */
export function proxyVariables(args: Readonly<Record<string, string>>, environment: readonly string[]): string[] {
  const given = PROXY_ARGS.filter((name) => args[name] !== undefined);
  return given
    .filter((name) => !environment.some((entry) => entry.startsWith(`${name}=`)))
    .map((name) => `${name}=${args[name]}`);
}
