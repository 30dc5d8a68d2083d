/** What many tasks have alike, decoded once and kept once: a service of a thousand tasks has one spec, not a thousand. */
import { TaskSpec } from '../../proto/generated/gantry/v1/types.ts';
import { canonical, sortedMap } from './canonical.ts';
import { Pool } from './pool.ts';
import { type CompleteTaskSpec, completeTaskSpec } from './service.ts';

type Labels = Record<string, string>;

const NO_LABELS: Labels = Object.freeze({});

export class SharedParts {
  readonly #texts = new Pool<string>();
  readonly #labels = new Pool<Labels>();
  readonly #specs = new Pool<CompleteTaskSpec>();

  /** Ids and names that other objects have, too. */
  text(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }

  labels(labels: Labels): Labels {
    const entries = Object.entries(sortedMap(labels));
    if (entries.length === 0) return NO_LABELS;
    const key = JSON.stringify(entries);
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const kept = Object.freeze(Object.fromEntries(entries.map(([name, value]) => [this.text(name), this.text(value)])));
    this.#labels.set(key, kept);
    return kept;
  }

  /** `encoded`: a TaskSpec. */
  spec(encoded: Buffer): CompleteTaskSpec {
    const key = encoded.toString('latin1');
    const known = this.#specs.get(key);
    if (known !== undefined) return known;
    const spec = canonical(completeTaskSpec(TaskSpec.decode(encoded)));
    this.#specs.set(key, spec);
    return spec;
  }
}
