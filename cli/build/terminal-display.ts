/** A build on a terminal: a line per step, redrawn as time goes, and below those that run what they print. */
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput, BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';
import { LiveLines } from '../terminal/live-lines.ts';
import { padWidth, printable } from '../terminal/text-width.ts';
import type { BuildDisplay } from './build-display.ts';
import { warningSummary } from './build-warnings.ts';
import { StepTails, seconds, stepTitle } from './step-output.ts';

type State = 'running' | 'cached' | 'done' | 'failed';

interface Shown {
  readonly title: string;
  readonly startedAtMs: number;
  durationMs: number;
  state: State;
}

const REDRAW_MS = 150;
const OUTPUT_LINES = 6;
/** For the time at a line's end. */
const TIME_COLUMNS = 8;
const MARKS: Readonly<Record<State, string>> = {
  running: ' =>',
  cached: ' => CACHED',
  done: ' =>',
  failed: ' => ERROR',
};

export class TerminalBuildDisplay implements BuildDisplay {
  readonly #stream: WriteStream;
  readonly #nowMs: () => number;
  readonly #lines: LiveLines;
  readonly #tails = new StepTails();
  readonly #steps = new Map<number, Shown>();
  readonly #failures: string[] = [];
  readonly #warnings: BuildWarning[] = [];
  readonly #startedAtMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #redraw = () => this.#draw();
  #excerpt = '';
  #total = 0;
  #notes = '';

  constructor(stream: WriteStream, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
    this.#lines = new LiveLines(stream);
    this.#startedAtMs = nowMs();
    this.#timer = setInterval(this.#redraw, REDRAW_MS).unref();
    stream.on('resize', this.#redraw);
  }

  step(step: BuildStep): void {
    this.#tails.begin(step);
    this.#total = Math.max(step.total, step.number);
    const state = step.cached ? 'cached' : 'running';
    const title = printable(stepTitle(step));
    this.#steps.set(step.number, { title, startedAtMs: this.#nowMs(), durationMs: 0, state });
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

  warning(warning: BuildWarning): void {
    this.#warnings.push(warning);
  }

  excerpt(text: string): void {
    this.#excerpt = text;
  }

  note(text: string): void {
    this.#notes += text;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#stream.off('resize', this.#redraw);
    const steps = [...this.#steps].flatMap(([number, step]) => this.#linesOf(number, step, OUTPUT_LINES));
    this.#lines.finish([this.#head(' FINISHED'), ...steps]);
    this.#stream.write(this.#notes);
    for (const failure of this.#failures.splice(0)) this.#stream.write(failure);
    this.#stream.write(this.#excerpt + warningSummary(this.#warnings));
  }

  #draw(): void {
    const room = Math.max(1, this.#lines.rows - 2);
    const steps = [...this.#steps];
    const running = steps.filter(([, { state }]) => state === 'running').length;
    const outputLines = Math.min(OUTPUT_LINES, Math.max(0, Math.floor(room / Math.max(1, running)) - 1));
    const lines = steps.map(([number, step]) => ({ step, lines: this.#linesOf(number, step, outputLines) }));
    // Of those that have ended the last ones are of more interest than the first.
    let excess = lines.reduce((sum, one) => sum + one.lines.length, 0) - room;
    const shown = lines.filter(({ step }) => step.state === 'running' || --excess < 0);
    this.#lines.draw([this.#head(''), ...shown.flatMap((one) => one.lines).slice(-room)]);
  }

  #head(end: string): string {
    const ended = [...this.#steps.values()].filter(({ state }) => state !== 'running').length;
    return `[+] Building ${seconds(this.#nowMs() - this.#startedAtMs)}s (${ended}/${this.#total})${end}`;
  }

  #linesOf(number: number, { title, state, startedAtMs, durationMs }: Shown, outputLines: number): string[] {
    const columns = Math.max(0, this.#lines.columns - 1 - TIME_COLUMNS);
    const elapsed = state === 'running' ? this.#nowMs() - startedAtMs : durationMs;
    const time = `${seconds(elapsed)}s`.padStart(TIME_COLUMNS);
    const line = padWidth(`${MARKS[state]} ${title}`, columns) + time;
    if (state !== 'running') return [line];
    const output = outputLines === 0 ? [] : this.#tails.last(number, outputLines);
    return [line, ...output.map((text) => ` => => # ${printable(text)}`)];
  }
}
