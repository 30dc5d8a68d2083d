/** Reads the options of a log driver one by one, as Docker writes them, and refuses those that nobody has asked for. */
import { suggest } from '../suggestion.ts';

export type OptionValues = Readonly<Record<string, string>>;

/** What is wrong with one option. */
export class LogOptionError extends Error {
  readonly option: string;
  readonly hint: string;

  constructor(option: string, message: string, hint: string) {
    super(message);
    this.option = option;
    this.hint = hint;
  }
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** Go's strconv.ParseBool */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** All of its readers throw LogOptionError. An option that isn't given, or is empty, is undefined. */
export class LogOptions {
  readonly #values: OptionValues;
  readonly #known = new Set<string>();

  constructor(values: OptionValues) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    this.#known.add(name);
    return this.#values[name] || undefined;
  }

  /** Of words that commas divide. */
  list(name: string): readonly string[] {
    const words = this.text(name)?.split(',') ?? [];
    return words.map((word) => word.trim()).filter((word) => word !== '');
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const given = this.text(name);
    const found = words.find((word) => word === given);
    if (given !== undefined && found === undefined) this.refuse(name, `one of ${words.join(', ')}`);
    return found;
  }

  flag(name: string): boolean | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    if (!TRUE.has(given) && !FALSE.has(given)) this.refuse(name, 'true or false');
    return TRUE.has(given);
  }

  integer(name: string, minimum: number, maximum: number): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const number = /^[+-]?\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= minimum && number <= maximum) return number;
    return this.refuse(name, `a whole number from ${minimum} to ${maximum}`);
  }

  /** In bytes: "10m" */
  size(name: string): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])i?)?b?$/i.exec(given) ?? [];
    const bytes = Math.round(Number(amount) * (UNIT_BYTES[unit.toLowerCase()] ?? Number.NaN));
    return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : this.refuse(name, 'a size, such as 10m');
  }

  /** In milliseconds, as Go writes it: "1m30s", "500ms" */
  duration(name: string): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(given)) this.refuse(name, 'a duration, such as 500ms or 1m30s');
    const parts = [...given.replaceAll('µs', 'us').matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
    return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT_MS[unit] ?? Number.NaN), 0);
  }

  /** `expected` continues "it is": "true or false" */
  refuse(name: string, expected: string): never {
    throw new LogOptionError(name, `"${this.#values[name] ?? ''}" is not allowed here`, `it is ${expected}`);
  }

  /** Once all that can be honoured have been asked for. */
  finish(driver: string): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#known.has(name));
    if (unknown === undefined) return;
    const known = [...this.#known].sort();
    const similar = suggest(unknown, known);
    const hint = similar === undefined ? `there are ${known.join(', ')}` : `did you mean "${similar}"?`;
    throw new LogOptionError(unknown, `the option "${unknown}" is not supported by the log driver "${driver}"`, hint);
  }
}
