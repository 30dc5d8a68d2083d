/** A build as lines, each with its step's number: for logs and pipes. */
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput, BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildDisplay } from './build-display.ts';
import { warningSummary } from './build-warnings.ts';
import { StepTails, seconds, stepTitle } from './step-output.ts';

interface Running {
  readonly title: string;
  readonly startedAtMs: number;
}

export class PlainBuildDisplay implements BuildDisplay {
  readonly #stream: Pick<WriteStream, 'write'>;
  readonly #nowMs: () => number;
  readonly #tails = new StepTails();
  readonly #running = new Map<number, Running>();
  readonly #failures: string[] = [];
  readonly #warnings: BuildWarning[] = [];
  #excerpt = '';
  /** Whose lines come now. */
  #current: number | undefined;

  constructor(stream: Pick<WriteStream, 'write'>, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  step(step: BuildStep): void {
    this.#tails.begin(step);
    this.#running.set(step.number, { title: stepTitle(step), startedAtMs: this.#nowMs() });
    this.#turnTo(step.number);
    if (step.cached) this.#close(step.number, 'CACHED');
  }

  stepOutput(output: BuildStepOutput): void {
    this.#lines(output.number, this.#tails.add(output));
  }

  stepEnd(end: BuildStepEnd): void {
    const { number, durationMs, error } = end;
    this.#lines(number, this.#tails.finish(number));
    this.#turnTo(number);
    this.#close(number, error === '' ? `DONE ${seconds(durationMs)}s` : `ERROR: ${error}`);
    this.#failures.push(this.#tails.failure(end));
  }

  warning(warning: BuildWarning): void {
    this.#warnings.push(warning);
  }

  excerpt(text: string): void {
    this.#excerpt = text;
  }

  note(text: string): void {
    this.#stream.write(text);
  }

  end(): void {
    for (const failure of this.#failures.splice(0)) this.#stream.write(failure);
    this.#stream.write(this.#excerpt);
    this.#stream.write(warningSummary(this.#warnings));
  }

  #lines(number: number, lines: readonly string[]): void {
    const running = this.#running.get(number);
    if (running === undefined || lines.length === 0) return;
    this.#turnTo(number);
    const time = ((this.#nowMs() - running.startedAtMs) / 1000).toFixed(3);
    for (const line of lines) this.#stream.write(`#${number} ${time} ${line}\n`);
  }

  /** Several steps take turns: each says whose lines follow. */
  #turnTo(number: number): void {
    if (this.#current === number) return;
    if (this.#current !== undefined) this.#stream.write(`#${this.#current} ...\n\n`);
    this.#stream.write(`#${number} ${this.#running.get(number)?.title ?? ''}\n`);
    this.#current = number;
  }

  #close(number: number, how: string): void {
    this.#stream.write(`#${number} ${how}\n\n`);
    this.#running.delete(number);
    this.#current = undefined;
  }
}
