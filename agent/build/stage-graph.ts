/** Builds the stages that a target is made from, those that don't wait for each other at once. */
import { GantryError } from '../../proto/errors.ts';
import type { BuildPlan, Stage } from './build-plan.ts';

export class StageGraph<State> {
  readonly #plan: Pick<BuildPlan, 'stages' | 'needed' | 'target'>;
  readonly #build: (stage: Stage) => Promise<State>;
  readonly #states = new Map<number, Promise<State>>();

  constructor(plan: Pick<BuildPlan, 'stages' | 'needed' | 'target'>, build: (stage: Stage) => Promise<State>) {
    this.#plan = plan;
    this.#build = build;
  }

  /** A stage when it is built; begun if it hasn't been: instructions of base images may want one that nobody foresaw. */
  state(index: number): Promise<State> {
    const known = this.#states.get(index);
    if (known !== undefined) return known;
    const stage = this.#plan.stages[index];
    if (stage === undefined) throw new GantryError('INTERNAL', `there is no stage ${index}`);
    const state = this.#build(stage);
    // Who waits for it hears of its failure, and run() does.
    state.catch(() => undefined);
    this.#states.set(index, state);
    return state;
  }

  /** Of those that the target needs, when they are built. */
  async others(): Promise<State[]> {
    const { needed, target } = this.#plan;
    return await Promise.all(
      needed.filter(({ index }) => index !== target.index).map(({ index }) => this.state(index)),
    );
  }

  /**
   * The target's state. The first failure is thrown when all stages have ended, for which `cancel` is called: what
   * they have mounted is gone then.
   */
  async run(cancel: (failure: unknown) => void): Promise<State> {
    let failure: { readonly error: unknown } | undefined;
    const watch = async (index: number): Promise<void> => {
      try {
        await this.state(index);
      } catch (error) {
        failure ??= { error };
        cancel(error);
      }
    };
    await Promise.all(this.#plan.needed.map(({ index }) => watch(index)));
    await Promise.allSettled(this.#states.values());
    if (failure !== undefined) throw failure.error;
    return await this.state(this.#plan.target.index);
  }
}
