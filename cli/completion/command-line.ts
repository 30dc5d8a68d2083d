/** A command line that isn't finished: what its last word is. */
import type { Argument, Command, Option } from 'commander';

export type NextWord =
  | { readonly kind: 'flag' }
  /** `prefix`: "--format=" where the value is in the same word. */
  | { readonly kind: 'value'; readonly option: Option; readonly prefix: string }
  | { readonly kind: 'argument'; readonly argument: Argument }
  | { readonly kind: 'nothing' };

export class CommandLine {
  readonly next: NextWord;
  /** The words that aren't flags or their values. */
  readonly operands: readonly string[];
  readonly #command: Command;
  readonly #given: readonly { readonly option: Option; readonly value: string }[];

  /** `words`: behind the command's name, the last one being typed. */
  constructor(command: Command, words: readonly string[]) {
    this.#command = command;
    const operands: string[] = [];
    const given: { option: Option; value: string }[] = [];
    let awaiting: Option | undefined;
    let onlyOperands = false;
    for (const word of words.slice(0, -1)) {
      if (awaiting !== undefined) {
        given.push({ option: awaiting, value: word });
        awaiting = undefined;
      } else if (onlyOperands || !word.startsWith('-') || word === '-') {
        operands.push(word);
        onlyOperands ||= passesThrough(command);
      } else if (word === '--') onlyOperands = true;
      else awaiting = this.#readFlag(word, given);
    }
    this.operands = operands;
    this.#given = given;
    this.next = this.#last(words.at(-1) ?? '', awaiting, onlyOperands);
  }

  /** What the flags were given so far. */
  valuesOf(...flags: readonly string[]): string[] {
    return this.#given.flatMap(({ option, value }) => (flags.includes(option.long ?? '') ? [value] : []));
  }

  /** True when it is given, and can't be given twice. */
  isSpent(option: Option): boolean {
    return !Array.isArray(option.defaultValue) && this.#given.some((one) => one.option === option);
  }

  /** The option that the next word is a value of. */
  #readFlag(word: string, given: { option: Option; value: string }[]): Option | undefined {
    const equals = word.indexOf('=');
    const option = this.#find(equals === -1 ? word : word.slice(0, equals)) ?? this.#find(`-${word.at(-1)}`);
    if (option === undefined) return undefined;
    if (equals === -1 && option.required) return option;
    given.push({ option, value: equals === -1 ? '' : word.slice(equals + 1) });
    return undefined;
  }

  #last(word: string, awaiting: Option | undefined, onlyOperands: boolean): NextWord {
    if (awaiting !== undefined) return { kind: 'value', option: awaiting, prefix: '' };
    if (!onlyOperands && word.startsWith('-')) {
      const equals = word.indexOf('=');
      if (equals === -1) return { kind: 'flag' };
      const option = this.#find(word.slice(0, equals));
      return option === undefined ? { kind: 'nothing' } : { kind: 'value', option, prefix: word.slice(0, equals + 1) };
    }
    const declared = this.#command.registeredArguments;
    const last = declared.at(-1);
    const argument = declared[this.operands.length] ?? (last?.variadic ? last : undefined);
    return argument === undefined ? { kind: 'nothing' } : { kind: 'argument', argument };
  }

  #find(flag: string): Option | undefined {
    return this.#command.options.find(({ short, long }) => short === flag || long === flag);
  }
}

function passesThrough(command: Command): boolean {
  return '_passThroughOptions' in command && command._passThroughOptions === true;
}
