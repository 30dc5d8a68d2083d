/** Runs whole files and says where what they show isn't what they should. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runStep } from './commands.testing.ts';
import { TraceEnvironment } from './environment.testing.ts';
import { parseScript, renderScript, type Script, type Step } from './script.testing.ts';

export interface Difference {
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

export function scriptsIn(dir: string): string[] {
  const names = readdirSync(dir).filter((name) => name.endsWith('.txt'));
  return names.sort().map((name) => join(dir, name));
}

/** The first step that shows something else; what follows a wrong step says nothing. Undefined when all is as expected. */
export function firstDifference(file: string): Difference | undefined {
  const script = parseScript(readFileSync(file, 'utf8'));
  const environment = new TraceEnvironment();
  for (const step of stepsOf(script)) {
    const actual = comparable(run(environment, step, file));
    const expected = comparable(step.expected);
    if (actual.join('\n') !== expected.join('\n')) {
      return { line: step.line, command: script.lines[step.line - 1] ?? '', expected, actual };
    }
  }
  return undefined;
}

/** The file's text with what its steps show now. */
export function record(file: string): string {
  const script = parseScript(readFileSync(file, 'utf8'));
  const environment = new TraceEnvironment();
  return renderScript(
    script,
    stepsOf(script).map((step) => run(environment, step, file)),
  );
}

function run(environment: TraceEnvironment, step: Step, file: string): string[] {
  try {
    return runStep(environment, step);
  } catch (error) {
    throw new Error(`${basename(file)}:${step.line}: ${step.command.name} failed`, { cause: error });
  }
}

function stepsOf({ parts }: Script): Step[] {
  return parts.filter((part) => 'command' in part);
}

/** Without the log's lines, whose wording is each program's own, and without the word for nothing. */
function comparable(lines: readonly string[]): string[] {
  const shown = lines.filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line));
  return shown.filter((line, at) => !(at === 0 && shown.length === 1 && /^ok( \(quiet\))?$/.test(line)));
}
