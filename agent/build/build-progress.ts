/** What a build tells while it runs: its steps, several of which may be under way at once. */
import { toGantryError } from '../../proto/errors.ts';
import type { ImageBuildResponse } from '../../proto/generated/gantry/v1/engine.ts';
import type { EventQueue } from '../stream/event-queue.ts';
import { ClippedOutput } from './clipped-output.ts';

/** A step that has begun. */
export interface StepProgress {
  output(data: Uint8Array): void;
  /** A line for the user. */
  tell(line: string): void;
}

export interface StepTitle {
  /** Of the stage, with the step's place in it: "build 2/5". */
  readonly place: string;
  /** The instruction as written. */
  readonly text: string;
}

export class BuildProgress {
  readonly #events: EventQueue<ImageBuildResponse>;
  readonly #clock: () => number;
  readonly #total: number;
  #begun = 0;

  constructor(events: EventQueue<ImageBuildResponse>, clock: () => number, total: number) {
    this.#events = events;
    this.#clock = clock;
    this.#total = total;
  }

  /** A line for the user that is about no step. */
  tell(line: string): void {
    this.#events.push({ message: { $case: 'output', value: Buffer.from(`${line}\n`) } });
  }

  /** A step that earlier builds have spared. */
  cached(title: StepTitle): void {
    this.#begin(title, true);
  }

  /** Its end is told, too, also when `work` fails. */
  async step<T>(title: StepTitle, work: (step: StepProgress) => Promise<T>): Promise<T> {
    const number = this.#begin(title, false);
    const startedAtMs = this.#clock();
    const clipped = new ClippedOutput((data) => {
      this.#events.push({ message: { $case: 'stepOutput', value: { number, data } } });
    });
    const output = (data: Uint8Array): void => clipped.write(data);
    const end = (error: string): void => {
      clipped.end();
      const durationMs = this.#clock() - startedAtMs;
      this.#events.push({ message: { $case: 'stepEnd', value: { number, durationMs, error } } });
    };
    try {
      const result = await work({ output, tell: (line) => output(Buffer.from(`${line}\n`)) });
      end('');
      return result;
    } catch (error) {
      end(toGantryError(error).message);
      throw error;
    }
  }

  #begin({ place, text }: StepTitle, cached: boolean): number {
    const number = ++this.#begun;
    const step = { number, total: this.#total, place, text, cached };
    this.#events.push({ message: { $case: 'step', value: step } });
    return number;
  }
}
