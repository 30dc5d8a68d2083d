/** The text of `gantry --help` and of `gantry NOUN --help`: commands by noun, in the order one meets them. */
import { alignColumns } from '../format/table.ts';
import { COMMANDS, type CommandEntry, NOUNS } from './registry.ts';

/** What one types most, in the order one first needs it. */
const COMMON = ['run', 'ps', 'logs', 'exec', 'build', 'images', 'inspect', 'version', 'info'];

export function programHelp(): string {
  return `Usage:  gantry [OPTIONS] COMMAND

Runs multi-container applications from compose files, on one host or on many.

Common commands:
${table(COMMON.flatMap((name) => entryRow(name)))}

Commands by noun (gantry NOUN --help):
${table(NOUNS.map(({ name, summary }): [string, string] => [name, `${summary}: ${verbs(name).join(', ')}`]))}

Other commands:
  ${shortNames().join(', ')}

Options:
${table([
  [
    '-H, --host ADDRESS',
    'where gantryd listens: unix:///PATH or tcp://HOST:PORT (default: GANTRY_HOST, or the local socket)',
  ],
  ['-c, --context NAME', 'the cluster to use (default: GANTRY_CONTEXT, or the one that "gantry context use" has set)'],
  ['    --config DIR', 'where contexts are kept (default: GANTRY_CONFIG, or ~/.gantry)'],
  [
    '    --tlscacert FILE, --tlscert FILE, --tlskey FILE',
    'certificates for a tcp:// host (default: in GANTRY_CERT_PATH)',
  ],
  ['    --help', 'print this and exit'],
  ['-v, --version', 'print the version and exit'],
])}

Run 'gantry COMMAND --help' for more about a command.
`;
}

export function nounHelp(noun: string): string {
  const { summary = '', aliases = [] } = NOUNS.find(({ name }) => name === noun) ?? {};
  const rows = COMMANDS.filter(({ names }) => names[0].startsWith(`${noun} `)).map((entry): [string, string] => [
    entry.names[0].slice(noun.length + 1),
    entry.summary,
  ]);
  const also = aliases.length === 0 ? '' : `\nAliases:  ${[noun, ...aliases].join(', ')}\n`;
  return `Usage:  gantry ${noun} COMMAND

${summary}
${also}
Commands:
${table(rows)}

Run 'gantry ${noun} COMMAND --help' for more about a command.
`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  return alignColumns(rows.map(([name, text]) => `  ${name}\t${text}`));
}

function entryRow(name: string): [string, string][] {
  const entry = COMMANDS.find(({ names }) => names.includes(name));
  return entry === undefined ? [] : [[name, entry.summary]];
}

function verbs(noun: string): string[] {
  return COMMANDS.filter(({ names }) => names[0].startsWith(`${noun} `)).map(({ names }) =>
    names[0].slice(noun.length + 1),
  );
}

/** Names of one word that aren't listed as common. */
function shortNames(): string[] {
  const short = ({ names }: CommandEntry) => names.filter((name) => !name.includes(' '));
  return COMMANDS.flatMap(short).filter((name) => !COMMON.includes(name));
}
