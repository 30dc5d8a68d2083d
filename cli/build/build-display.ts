/** What users see of a build, as BuildKit shows it: lines as they come, or a few that are redrawn on a terminal. */
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../command-line.ts';
import { PlainBuildDisplay } from './plain-display.ts';
import { StepTails } from './step-output.ts';
import { TerminalBuildDisplay } from './terminal-display.ts';

export interface BuildDisplay {
  /** It begins, or was in the cache. */
  step(step: BuildStep): void;
  stepOutput(output: BuildStepOutput): void;
  /** With an error, what it printed last is shown. */
  stepEnd(end: BuildStepEnd): void;
  /** About the build as a whole; whole lines. */
  note(text: string): void;
  /** Nothing more comes. */
  end(): void;
}

export type ProgressKind = 'auto' | 'plain' | 'tty' | 'quiet';

/** Of --progress. */
export function parseProgressKind(text: string): ProgressKind {
  if (text === 'auto' || text === 'plain' || text === 'tty' || text === 'quiet') return text;
  throw invalidFlag('--progress', text, 'write auto, plain, tty or quiet');
}

/** "tty" is for terminals: elsewhere it is refused, as its lines couldn't be redrawn. */
export function createBuildDisplay({ stderr, nowMs }: Pick<Cli, 'stderr' | 'nowMs'>, kind: ProgressKind): BuildDisplay {
  if (kind === 'quiet') return new QuietBuildDisplay(stderr);
  if (kind === 'tty' && !stderr.isTTY)
    throw invalidFlag('--progress', kind, 'standard error is no terminal: write plain');
  if (kind === 'plain' || !stderr.isTTY) return new PlainBuildDisplay(stderr, nowMs);
  return new TerminalBuildDisplay(stderr, nowMs);
}

/** Shows nothing but the end of a step that fails. */
class QuietBuildDisplay implements BuildDisplay {
  readonly #tails = new StepTails();
  readonly #stream: Pick<WriteStream, 'write'>;

  constructor(stream: Pick<WriteStream, 'write'>) {
    this.#stream = stream;
  }

  step(step: BuildStep): void {
    this.#tails.begin(step);
  }

  stepOutput(output: BuildStepOutput): void {
    this.#tails.add(output);
  }

  stepEnd(end: BuildStepEnd): void {
    this.#stream.write(this.#tails.failure(end));
  }

  note(): void {
    // Warnings and the like aren't asked for.
  }

  end(): void {
    // Nothing is left to be shown.
  }
}
