/** What users see of a build, as BuildKit shows it: lines as they come, or a few that are redrawn on a terminal. */
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput, BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../command-line.ts';
import { PlainBuildDisplay } from './plain-display.ts';
import { RawJsonBuildDisplay } from './raw-json-display.ts';
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
  /** About a line of the Dockerfile. */
  warning(warning: BuildWarning): void;
  /** Lines of the Dockerfile that the failure is about; whole lines. */
  excerpt(text: string): void;
  /** Nothing more comes. */
  end(): void;
}

export type ProgressKind = 'auto' | 'plain' | 'tty' | 'quiet' | 'rawjson';

const PROGRESS_KINDS: readonly ProgressKind[] = ['auto', 'plain', 'tty', 'quiet', 'rawjson'];

/** Of --progress. */
export function parseProgressKind(text: string): ProgressKind {
  const kind = PROGRESS_KINDS.find((one) => one === text);
  if (kind !== undefined) return kind;
  throw invalidFlag('--progress', text, `write one of ${PROGRESS_KINDS.join(', ')}`);
}

/** "tty" is for terminals: elsewhere it is refused, as its lines couldn't be redrawn. */
export function createBuildDisplay({ stderr, nowMs }: Pick<Cli, 'stderr' | 'nowMs'>, kind: ProgressKind): BuildDisplay {
  if (kind === 'quiet') return new QuietBuildDisplay(stderr);
  if (kind === 'rawjson') return new RawJsonBuildDisplay(stderr, nowMs);
  if (kind === 'tty' && !stderr.isTTY)
    throw invalidFlag('--progress', kind, 'standard error is no terminal: write plain');
  if (kind === 'plain' || !stderr.isTTY) return new PlainBuildDisplay(stderr, nowMs);
  return new TerminalBuildDisplay(stderr, nowMs);
}

/** Shows nothing but the end of a step that fails. */
class QuietBuildDisplay implements BuildDisplay {
  readonly #tails = new StepTails();
  readonly #stream: Pick<WriteStream, 'write'>;
  #excerpt = '';

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

  warning(): void {
    // Isn't asked for.
  }

  note(): void {
    // Warnings and the like aren't asked for.
  }

  excerpt(text: string): void {
    this.#excerpt = text;
  }

  end(): void {
    this.#stream.write(this.#excerpt);
  }
}
