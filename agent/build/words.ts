/**
 * Words and variables in Dockerfiles: quotes, escapes, $NAME, ${NAME}, the forms ${NAME:-default},
 * ${NAME:+alternative} and ${NAME:?message}, with and without the colon, and those with patterns: ${NAME#pattern},
 * ${NAME%pattern}, ${NAME/pattern/text}, also with the sign doubled. Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import { withoutPrefix, withoutSuffix, withReplaced } from './shell-pattern.ts';

export type Variables = (name: string) => string | undefined;

export interface Expander {
  readonly variables: Variables;
  /** "\" or "`" */
  readonly escapeChar: string;
}

/** The text with variables replaced and quotes removed, as one word. Throws INVALID_ARGUMENT. */
export function expandWord(text: string, expander: Expander): string {
  return new Scanner(text, expander).run().text;
}

/** The same, cut into words at white space outside quotes, also at that which came out of a variable. */
export function expandWords(text: string, expander: Expander): string[] {
  return new Scanner(text, expander).run().words;
}

/** The text with variables replaced and all else kept, quotes too: a here-document's content. "\\$" is a dollar sign. */
export function expandContent(text: string, expander: Expander): string {
  return new Scanner(text, expander).runRaw();
}

/** Cut into words at white space outside quotes; quotes, escapes and variables stay as they are. */
export function splitWords(text: string, escapeChar: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    word += char;
    if (char === escapeChar && quote !== "'" && index + 1 < text.length) word += text.charAt(++index);
    else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
  }
  if (word !== '') words.push(word);
  return words;
}

/** NAME and value at the first "=" ; undefined without one. */
export function splitPair(word: string): { name: string; value: string } | undefined {
  const equals = word.indexOf('=');
  return equals === -1 ? undefined : { name: word.slice(0, equals), value: word.slice(equals + 1) };
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** $1, $@, $$ and the like: without meaning here, and empty. */
const SPECIAL = /\d+|[@*#?!$-]/y;

class Scanner {
  readonly #source: string;
  readonly #expander: Expander;
  #position = 0;
  #text = '';
  readonly #words: string[] = [];
  #word: string | undefined;
  /** In a pattern, escapes are for the pattern. */
  #keepsEscapes: boolean = false;

  constructor(source: string, expander: Expander) {
    this.#source = source;
    this.#expander = expander;
  }

  run(): { text: string; words: string[] } {
    this.#scan(undefined);
    this.#endWord();
    return { text: this.#text, words: this.#words };
  }

  runRaw(): string {
    while (this.#position < this.#source.length) {
      const char = this.#take();
      const escaped = char === this.#expander.escapeChar && this.#source.charAt(this.#position) === '$';
      if (escaped) this.#add(this.#take());
      else this.#add(char === '$' ? this.#dollar() : char);
    }
    return this.#text;
  }

  /** Up to the stop character, which is taken too, or the end. */
  #scan(stop: string | undefined): void {
    while (this.#position < this.#source.length) {
      const char = this.#take();
      if (char === stop) return;
      if (char === "'") this.#singleQuoted();
      else if (char === '"') this.#doubleQuoted();
      else if (char === '$') this.#addSplitting(this.#dollar());
      else if (char === this.#expander.escapeChar) this.#add(this.#escaped(char));
      else this.#addSplitting(char);
    }
    if (stop !== undefined) throw invalid(this.#source, `no closing "${stop}"`);
  }

  #escaped(escapeChar: string): string {
    if (this.#position >= this.#source.length) return escapeChar;
    return (this.#keepsEscapes ? '\\' : '') + this.#take();
  }

  #singleQuoted(): void {
    const end = this.#source.indexOf("'", this.#position);
    if (end === -1) throw invalid(this.#source, "no closing quote (')");
    this.#add(this.#source.slice(this.#position, end));
    this.#position = end + 1;
  }

  #doubleQuoted(): void {
    this.#add('');
    while (this.#position < this.#source.length) {
      const char = this.#take();
      if (char === '"') return;
      if (char === '$') this.#add(this.#dollar());
      else if (char === this.#expander.escapeChar) this.#add(this.#quotedEscape());
      else this.#add(char);
    }
    throw invalid(this.#source, 'no closing quote (")');
  }

  /** Within double quotes the escape character is one only before what it can take the meaning from. */
  #quotedEscape(): string {
    const { escapeChar } = this.#expander;
    const next = this.#source.charAt(this.#position);
    if (next !== '"' && next !== '$' && next !== escapeChar) return escapeChar;
    return this.#take();
  }

  /** What stands for the variable after a "$". */
  #dollar(): string {
    if (this.#source.charAt(this.#position) === '{') {
      this.#position++;
      return this.#braced();
    }
    const name = this.#match(NAME);
    if (name !== undefined) return this.#expander.variables(name) ?? '';
    return this.#match(SPECIAL) === undefined ? '$' : '';
  }

  #braced(): string {
    const name = this.#match(NAME) ?? this.#match(SPECIAL);
    if (name === undefined) throw invalid(this.#source, 'bad substitution');
    const value = this.#expander.variables(name);
    const colon = this.#source.charAt(this.#position) === ':';
    if (colon) this.#position++;
    const operator = this.#position < this.#source.length ? this.#take() : '';
    if (operator === '}' && !colon) return value ?? '';
    if (!colon && operator !== '' && '#%/'.includes(operator)) return this.#withPattern(operator, value ?? '');
    if (operator === '' || !'-+?'.includes(operator)) throw this.#unsupported(operator);
    const word = this.#nested();
    const isSet = value !== undefined && !(colon && value === '');
    if (operator === '+') return isSet ? word : '';
    if (isSet) return value;
    if (operator === '-') return word;
    throw invalid(this.#source, `${name}: ${word === '' ? 'is not set' : word}`);
  }

  #withPattern(operator: string, value: string): string {
    const doubled = this.#source.charAt(this.#position) === operator;
    if (doubled) this.#position++;
    const pattern = this.#nested(operator === '/' ? '/' : '}', 'pattern');
    const extent = doubled ? 'longest' : 'shortest';
    if (operator === '#') return withoutPrefix(value, pattern, extent);
    if (operator === '%') return withoutSuffix(value, pattern, extent);
    return withReplaced(value, pattern, this.#nested(), doubled ? 'all' : 'first');
  }

  /** The word up to the closing brace, itself expanded. */
  #nested(stop: '}' | '/' = '}', kind: 'word' | 'pattern' = 'word'): string {
    const inner = new Scanner(this.#source, this.#expander);
    inner.#position = this.#position;
    inner.#keepsEscapes = kind === 'pattern';
    inner.#scan(stop);
    this.#position = inner.#position;
    return inner.#text;
  }

  #unsupported(operator: string): GantryError {
    if (operator === '' || operator === '}') return invalid(this.#source, 'bad substitution');
    return new GantryError(
      'UNSUPPORTED',
      `the modifier "${operator}" in ${JSON.stringify(this.#source)} is not supported`,
      {
        hint: `use \${NAME:-default}, \${NAME:+alternative}, \${NAME#pattern}, \${NAME%pattern} or \${NAME/pattern/text}`,
      },
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#position += found.length;
    return found;
  }

  #take(): string {
    return this.#source.charAt(this.#position++);
  }

  #add(text: string): void {
    this.#text += text;
    this.#word = (this.#word ?? '') + text;
  }

  #addSplitting(text: string): void {
    this.#text += text;
    for (const [index, part] of text.split(/\s/).entries()) {
      if (index > 0) this.#endWord();
      if (part !== '') this.#word = (this.#word ?? '') + part;
    }
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }
}

function invalid(text: string, why: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${why} in ${JSON.stringify(text)}`);
}
