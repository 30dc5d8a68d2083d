/** Options of the form KEY=VALUE, and the files that hold such lines. */
import { readFileSync } from 'node:fs';
import { CliError, EXIT, fileReason } from '../failure.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Environment as KEY=VALUE from --env-file and -e, later ones last. A KEY alone is taken from `environment`, and
 * left out when it isn't there.
 */
export function readEnvironment(
  files: readonly string[],
  values: readonly string[],
  environment: Environment,
): string[] {
  const lines = [...files.flatMap((file) => readPairFile('--env-file', file)), ...values];
  const byKey = new Map<string, string>();
  for (const line of lines) {
    const equals = line.indexOf('=');
    const key = equals === -1 ? line : line.slice(0, equals);
    if (key === '')
      throw new CliError(`invalid environment variable "${line}"`, { hint: 'write KEY=VALUE', exitCode: EXIT.refused });
    const value = equals === -1 ? environment[key] : line.slice(equals + 1);
    if (value !== undefined) byKey.set(key, `${key}=${value}`);
  }
  return [...byKey.values()];
}

/** Labels from --label-file and --label; a label without a value is empty. */
export function readLabels(files: readonly string[], values: readonly string[]): Record<string, string> {
  const lines = [...files.flatMap((file) => readPairFile('--label-file', file)), ...values];
  return parsePairs('--label', lines, () => '');
}

/** KEY=VALUE pairs as a record; `missing` gives the value of a KEY alone, undefined leaves it out. */
export function parsePairs(
  flag: string,
  values: readonly string[],
  missing: (key: string) => string | undefined,
): Record<string, string> {
  const record: Record<string, string> = {};
  for (const pair of values) {
    const equals = pair.indexOf('=');
    const key = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? missing(key) : pair.slice(equals + 1);
    if (key === '')
      throw new CliError(`invalid argument "${pair}" for ${flag}`, { hint: 'write KEY=VALUE', exitCode: EXIT.refused });
    if (value !== undefined) record[key] = value;
  }
  return record;
}

/** Lines of KEY=VALUE or KEY, taken as they are: no quotes, no variables. Lines that start with # are comments. */
export function parsePairFile(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function readPairFile(flag: string, file: string): string[] {
  try {
    return parsePairFile(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError(`cannot read ${flag} ${file}: ${fileReason(error)}`, { exitCode: EXIT.refused });
  }
}
