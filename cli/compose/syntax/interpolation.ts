/**
 * Variables in compose files, as the Compose specification's chapter "Interpolation" has them:
 * $V ${V} ${V-d} ${V:-d} ${V?e} ${V:?e} ${V+r} ${V:+r}, nested in defaults, errors and replacements; $$ is a dollar.
 */

export type Lookup = (name: string) => string | undefined;

/** `message` says what is wrong; the caller adds the place. */
export class InterpolationError extends Error {}

export interface Interpolated {
  readonly text: string;
  /** Variables that were neither set nor given a default: they became "". */
  readonly unset: readonly string[];
}

/** Throws InterpolationError. */
export function interpolate(template: string, lookup: Lookup): Interpolated {
  if (!template.includes('$')) return { text: template, unset: [] };
  const scanner = new Scanner(template, lookup);
  return { text: scanner.until('end'), unset: scanner.unset };
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

class Scanner {
  readonly unset: string[] = [];
  readonly #source: string;
  readonly #lookup: Lookup;
  #at = 0;
  /** Above zero in a branch that isn't taken: nothing there counts as unset or fails. */
  #muted = 0;

  constructor(source: string, lookup: Lookup) {
    this.#source = source;
    this.#lookup = lookup;
  }

  /** The text up to the end or to the closing brace of the present `${`, which is taken too. */
  until(end: 'end' | 'brace'): string {
    let text = '';
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at];
      if (character === '}' && end === 'brace') {
        this.#at += 1;
        return text;
      }
      this.#at += 1;
      text += character === '$' ? this.#variable() : character;
    }
    if (end === 'brace') throw new InterpolationError(`"\${" without "}" in "${this.#source}"`);
    return text;
  }

  #variable(): string {
    const next = this.#source[this.#at];
    if (next === '$') {
      this.#at += 1;
      return '$';
    }
    if (next !== '{') return this.#value(this.#name());
    this.#at += 1;
    return this.#braced(this.#name());
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#source)?.[0];
    if (name === undefined) {
      throw new InterpolationError(`invalid variable in "${this.#source}"; for a dollar sign write "$$"`);
    }
    this.#at += name.length;
    return name;
  }

  #value(name: string): string {
    const value = this.#lookup(name);
    if (value === undefined && this.#muted === 0) this.unset.push(name);
    return value ?? '';
  }

  #braced(name: string): string {
    if (this.#source[this.#at] === '}') {
      this.#at += 1;
      return this.#value(name);
    }
    const emptyCounts = this.#source[this.#at] === ':';
    if (emptyCounts) this.#at += 1;
    const operator = this.#source[this.#at];
    if (operator === undefined) throw new InterpolationError(`"\${" without "}" in "${this.#source}"`);
    this.#at += 1;
    const value = this.#lookup(name);
    const present = value !== undefined && !(emptyCounts && value === '');
    switch (operator) {
      case '-': {
        const fallback = this.#branch(!present);
        return present ? value : fallback;
      }
      case '+': {
        const replacement = this.#branch(present);
        return present ? replacement : '';
      }
      case '?': {
        const message = this.#branch(!present);
        if (present) return value;
        if (this.#muted > 0) return '';
        throw new InterpolationError(
          `required variable ${name} is missing a value${message === '' ? '' : `: ${message}`}`,
        );
      }
      default:
        throw new InterpolationError(`invalid "\${${name}${emptyCounts ? ':' : ''}${operator}" in "${this.#source}"`);
    }
  }

  #branch(taken: boolean): string {
    if (!taken) this.#muted += 1;
    const text = this.until('brace');
    if (!taken) this.#muted -= 1;
    return text;
  }
}
