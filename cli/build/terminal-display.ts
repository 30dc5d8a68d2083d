/** A build on a terminal: a line per step, redrawn as time goes, and below those that run what they print. */
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput } from '../../proto/generated/gantry/v1/engine.ts';
import { type ProgressLine, TerminalProgress } from '../terminal/progress.ts';
import type { BuildDisplay } from './build-display.ts';
import { StepTails, seconds, stepTitle } from './step-output.ts';

type State = 'running' | 'cached' | 'done' | 'failed';

interface Shown {
  readonly title: string;
  readonly startedAtMs: number;
  durationMs: number;
  state: State;
}

const REDRAW_MS = 150;
const OUTPUT_LINES = 4;
/** For the time at a line's end. */
const TIME_COLUMNS = 9;
const MARKS: Readonly<Record<State, string>> = {
  running: ' =>',
  cached: ' => CACHED',
  done: ' =>',
  failed: ' => ERROR',
};

export class TerminalBuildDisplay implements BuildDisplay {
  readonly #stream: WriteStream;
  readonly #nowMs: () => number;
  readonly #progress: TerminalProgress;
  readonly #tails = new StepTails();
  readonly #steps = new Map<number, Shown>();
  readonly #failures: string[] = [];
  readonly #startedAtMs: number;
  readonly #timer: NodeJS.Timeout;
  #total = 0;
  #notes = '';

  constructor(stream: WriteStream, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
    this.#progress = new TerminalProgress(stream);
    this.#startedAtMs = nowMs();
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
  }

  step(step: BuildStep): void {
    this.#tails.begin(step);
    this.#total = Math.max(step.total, step.number);
    const state = step.cached ? 'cached' : 'running';
    this.#steps.set(step.number, { title: stepTitle(step), startedAtMs: this.#nowMs(), durationMs: 0, state });
  }

  stepOutput(output: BuildStepOutput): void {
    this.#tails.add(output);
  }

  stepEnd(end: BuildStepEnd): void {
    const step = this.#steps.get(end.number);
    if (step === undefined) return;
    step.state = end.error === '' ? 'done' : 'failed';
    step.durationMs = end.durationMs;
    this.#failures.push(this.#tails.failure(end));
  }

  note(text: string): void {
    this.#notes += text;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#draw();
    this.#progress.end();
    this.#stream.write(this.#notes);
    for (const failure of this.#failures.splice(0)) this.#stream.write(failure);
  }

  #draw(): void {
    const columns = (this.#stream.columns || 80) - TIME_COLUMNS;
    const lines = [...this.#steps].flatMap(([number, step]) => this.#linesOf(number, step, columns));
    const ended = [...this.#steps.values()].filter(({ state }) => state !== 'running').length;
    const time = seconds(this.#nowMs() - this.#startedAtMs);
    const head = { name: `[+] Building ${time}s (${ended}/${this.#total})`.padEnd(columns), text: '' };
    // The last ones are of more interest than the first.
    const room = Math.max(1, (this.#stream.rows || 24) - 3);
    this.#progress.show([head, ...lines.slice(-room)]);
  }

  #linesOf(number: number, { title, state, startedAtMs, durationMs }: Shown, columns: number): ProgressLine[] {
    const elapsed = state === 'running' ? this.#nowMs() - startedAtMs : durationMs;
    const line = { name: padded(`${MARKS[state]} ${title}`, columns), text: `${seconds(elapsed)}s`.padStart(6) };
    if (state !== 'running') return [line];
    const output = this.#tails.last(number, OUTPUT_LINES);
    return [line, ...output.map((text) => ({ name: padded(` => => # ${printable(text)}`, columns), text: '' }))];
  }
}

function padded(text: string, columns: number): string {
  return text.slice(0, columns - 2).padEnd(columns - 2);
}

/** What a command prints must not move the cursor. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll(/[\x00-\x1f\x7f]/g, ' ');
}
