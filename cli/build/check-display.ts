/** Of --check: no step runs, and what is said about the Dockerfile is kept. */
import type { WriteStream } from 'node:tty';
import type { BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildDisplay } from './build-display.ts';

export class CheckDisplay implements BuildDisplay {
  readonly warnings: BuildWarning[] = [];
  readonly #stream: Pick<WriteStream, 'write'>;

  /** The stream gets the place of an error. */
  constructor(stream: Pick<WriteStream, 'write'>) {
    this.#stream = stream;
  }

  warning(warning: BuildWarning): void {
    this.warnings.push(warning);
  }

  excerpt(text: string): void {
    this.#stream.write(text);
  }

  step(): void {
    // None runs.
  }

  stepOutput(): void {
    // None runs.
  }

  stepEnd(): void {
    // None runs.
  }

  note(): void {
    // None is about the Dockerfile.
  }

  end(): void {
    // What is kept is for whoever asked.
  }
}
