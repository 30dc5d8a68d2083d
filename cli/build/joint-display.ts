/** Several builds that go on at once, shown as one: each step with the name of its build, as `docker compose build` has it. */
import type { BuildStep } from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildDisplay } from './build-display.ts';

export class JointBuildDisplay {
  readonly #display: BuildDisplay;
  /** By build: how many steps it has, as far as is known. */
  readonly #totals = new Map<string, number>();
  #steps = 0;

  constructor(display: BuildDisplay) {
    this.#display = display;
  }

  /** For the steps of one build. */
  of(build: string): BuildDisplay {
    const display = this.#display;
    const numbers = new Map<number, number>();
    const numberOf = (own: number): number => {
      const known = numbers.get(own);
      if (known !== undefined) return known;
      numbers.set(own, ++this.#steps);
      return this.#steps;
    };
    return {
      step: (step) => display.step({ ...this.#named(build, step), number: numberOf(step.number) }),
      stepOutput: (output) => display.stepOutput({ ...output, number: numberOf(output.number) }),
      stepEnd: (end) => display.stepEnd({ ...end, number: numberOf(end.number) }),
      note: (text) => display.note(text),
      warning: (warning) => display.warning(warning),
      excerpt: (text) => display.excerpt(text),
      end: () => undefined,
    };
  }

  /** All have ended. */
  end(): void {
    this.#display.end();
  }

  #named(build: string, step: BuildStep): BuildStep {
    this.#totals.set(build, Math.max(step.total, this.#totals.get(build) ?? 0));
    const total = [...this.#totals.values()].reduce((sum, one) => sum + one, 0);
    return { ...step, total, place: step.place === '' ? build : `${build} ${step.place}` };
  }
}
