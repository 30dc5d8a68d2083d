/** The core against etcd's interaction traces (etcd-io/raft, Apache-2.0): states and messages after each command. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Command, TraceEnvironment } from './environment.testing.ts';

const TRACES = join(import.meta.dirname, '../../../../shared/reference/raft-traces');
// Not confchange_v1_add_single: changes of membership aren't in the core yet.
const NAMES = [
  'campaign',
  'checkquorum',
  'prevote',
  'probe_and_replicate',
  'replicate_pause',
  'snapshot_succeed_via_app_resp',
];

interface Step {
  readonly line: number;
  readonly command: Command;
  readonly expected: readonly string[];
}

/** A command, "----", what it shows, an empty line; "#" begins a comment. */
function parseTrace(text: string): Step[] {
  const steps: Step[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [first = ''] = [lines[at]];
    if (first === '' || first.startsWith('#')) continue;
    const begin = lines.indexOf('----', at) + 1;
    const end = lines.indexOf('', begin);
    steps.push({ line: at + 1, command: parseCommand(first), expected: lines.slice(begin, end) });
    at = end;
  }
  return steps;
}

function parseCommand(text: string): Command {
  const [name = '', ...words] = text.split(/\s+/);
  const named = words.filter((word) => word.includes('='));
  return {
    name,
    plain: words.filter((word) => !word.includes('=')),
    named: new Map(
      named.map((word) => {
        const [key = '', value = ''] = word.split('=');
        return [key, value.replace(/[()]/g, '').split(',')];
      }),
    ),
  };
}

/** Without the log's lines, whose wording is each program's own. */
function withoutLog(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== 'ok' && !/^\s*(INFO|DEBUG|WARN) /.test(line));
}

describe.skipIf(!existsSync(TRACES))('a trace of etcd (skipped where the reference data is not there)', () => {
  it.each(NAMES)('%s', (name) => {
    const environment = new TraceEnvironment();
    for (const { line, command, expected } of parseTrace(readFileSync(join(TRACES, `${name}.txt`), 'utf8'))) {
      expect(environment.run(command), `${name}.txt:${line}`).toEqual(withoutLog(expected));
    }
  });
});
