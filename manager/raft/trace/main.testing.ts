/**
 * `npm run traces -- DIR`: runs each *.txt of a folder and compares states, messages and errors with what it says, but not
 * log lines. `npm run traces -- --record DIR` writes down what they show now. Exits 1 when one differs.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { type Difference, firstDifference, record, scriptsIn } from './compare.testing.ts';

const { values, positionals } = parseArgs({ options: { record: { type: 'boolean' } }, allowPositionals: true });
const [dir] = positionals;
if (dir === undefined || positionals.length > 1) {
  console.error('usage: npm run traces -- [--record] DIR');
  process.exit(2);
}
const files = scriptsIn(dir);
if (values.record === true) {
  for (const file of files) writeFileSync(file, record(file));
  console.log(`${files.length} recorded`);
} else {
  const failed = files.filter((file) => !passes(file));
  console.log(`${files.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 && files.length > 0 ? 0 : 1;
}

function passes(file: string): boolean {
  try {
    const difference = firstDifference(file);
    console.log(`${difference === undefined ? 'ok  ' : 'FAIL'} ${basename(file)}`);
    if (difference !== undefined) console.log(explain(file, difference));
    return difference === undefined;
  } catch (error) {
    console.log(`FAIL ${basename(file)}`);
    console.log(error);
    return false;
  }
}

function explain(file: string, { line, command, expected, actual }: Difference): string {
  const at = expected.findIndex((text, position) => text !== actual[position]);
  const from = at < 0 ? expected.length : at;
  return [
    `${file}:${line}: ${command}`,
    `  the first ${from} lines agree`,
    ...expected.slice(from, from + 10).map((text) => `  - ${text}`),
    ...actual.slice(from, from + 10).map((text) => `  + ${text}`),
  ].join('\n');
}
