/**
 * Variables in compose files, as the Compose specification's chapter "Interpolation" has them:
 * $V ${V} ${V-d} ${V:-d} ${V?e} ${V:?e} ${V+r} ${V:+r}, nested in defaults, errors and replacements; $$ is a dollar, and so
 * is one that no name follows.
 */

export type Lookup = (name: string) => string | undefined;

/** `message` says what is wrong; the caller adds the place. */
export class InterpolationError extends Error {}

export interface Interpolated {
  readonly text: string;
  /** Variables that were neither set nor given a default: they became "". */
  readonly unset: readonly string[];
}

const NONE: readonly string[] = [];

/** Throws InterpolationError. */
export function interpolate(template: string, lookup: Lookup): Interpolated {
  if (!template.includes('$')) return { text: template, unset: NONE };
  const scanner = new Scanner(template, lookup);
  return { text: scanner.until(template.length), unset: scanner.unset };
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

/** Far above any real template, far below what the call stack holds. */
const MAX_DEPTH = 64;

class Scanner {
  readonly unset: string[] = [];
  readonly #source: string;
  readonly #lookup: Lookup;
  #at = 0;
  #depth = 0;
  /** Above zero in a branch that isn't taken: nothing there counts as unset or fails. */
  #muted = 0;

  constructor(source: string, lookup: Lookup) {
    this.#source = source;
    this.#lookup = lookup;
  }

  until(end: number): string {
    let text = '';
    while (this.#at < end) {
      const dollar = this.#source.indexOf('$', this.#at);
      if (dollar === -1 || dollar >= end) {
        text += this.#source.slice(this.#at, end);
        this.#at = end;
        return text;
      }
      text += this.#source.slice(this.#at, dollar);
      this.#at = dollar + 1;
      text += this.#variable(end);
    }
    return text;
  }

  #variable(end: number): string {
    const next = this.#at < end ? this.#source[this.#at] : undefined;
    if (next === '$') {
      this.#at += 1;
      return '$';
    }
    if (next === '{') {
      this.#at += 1;
      return this.#braced(end);
    }
    const name = this.#name(end);
    return name === undefined ? '$' : this.#value(name);
  }

  #name(end: number): string | undefined {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#source)?.[0].slice(0, end - this.#at);
    if (name !== undefined) this.#at += name.length;
    return name;
  }

  #value(name: string): string {
    const value = this.#lookup(name);
    if (value === undefined && this.#muted === 0) this.unset.push(name);
    return value ?? '';
  }

  #braced(end: number): string {
    const name = this.#name(end);
    if (name === undefined) {
      throw new InterpolationError(`invalid variable in ${this.#quoted()}; for a dollar sign write "$$"`);
    }
    if (this.#source[this.#at] === '}') {
      this.#at += 1;
      return this.#value(name);
    }
    const emptyCounts = this.#source[this.#at] === ':';
    if (emptyCounts) this.#at += 1;
    const operator = this.#at < end ? this.#source[this.#at] : undefined;
    if (operator === undefined) throw this.#unclosed();
    this.#at += 1;
    const value = this.#lookup(name);
    const present = value !== undefined && !(emptyCounts && value === '');
    switch (operator) {
      case '-': {
        const fallback = this.#branch(!present, end);
        return present ? value : fallback;
      }
      case '+': {
        const replacement = this.#branch(present, end);
        return present ? replacement : '';
      }
      case '?': {
        const message = this.#branch(!present, end);
        if (present) return value;
        if (this.#muted > 0) return '';
        const reason = message === '' ? '' : `: ${message}`;
        throw new InterpolationError(`required variable ${name} is missing a value${reason}`);
      }
      default:
        throw new InterpolationError(`invalid "\${${name}${emptyCounts ? ':' : ''}${operator}" in ${this.#quoted()}`);
    }
  }

  #branch(taken: boolean, end: number): string {
    const close = closingBrace(this.#source, this.#at, end);
    if (close === -1) throw this.#unclosed();
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new InterpolationError(`more than ${MAX_DEPTH} variables in each other`);
    if (!taken) this.#muted += 1;
    const text = this.until(close);
    if (!taken) this.#muted -= 1;
    this.#depth -= 1;
    this.#at = close + 1;
    return text;
  }

  #unclosed(): InterpolationError {
    return new InterpolationError(`"\${" without "}" in ${this.#quoted()}`);
  }

  #quoted(): string {
    return this.#source.length > 200 ? `"${this.#source.slice(0, 200)}…"` : `"${this.#source}"`;
  }
}

/** The one that closes what is open at `from`; braces of a value (`${V:-{"a": 1}}`) go in pairs, unless there is none left. */
function closingBrace(source: string, from: number, end: number): number {
  let open = 1;
  for (let index = from; index < end; index += 1) {
    const character = source[index];
    if (character === '{') open += 1;
    else if (character === '}') {
      open -= 1;
      if (open === 0) return index;
    }
  }
  const last = source.lastIndexOf('}', end - 1);
  return last < from ? -1 : last;
}
