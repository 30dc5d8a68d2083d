/**
 * The files that traces are kept in: a command, further lines that belong to it, "----", what it shows, an empty line.
 * "#" begins a comment; "----" twice before and after brackets output that has empty lines.
 */

export interface Command {
  readonly name: string;
  /** Without "=": node ids, data. */
  readonly plain: readonly string[];
  /** key=value and key=(value,value) */
  readonly named: ReadonlyMap<string, readonly string[]>;
}

export interface Step {
  /** Of the command in the file, from 1. */
  readonly line: number;
  readonly command: Command;
  /** The lines between the command and "----". */
  readonly input: readonly string[];
  readonly expected: readonly string[];
}

/** A file as it was read: what isn't a step is kept for when it is written again. */
export interface Script {
  readonly parts: readonly (Step | { readonly text: string })[];
  readonly lines: readonly string[];
}

const SEPARATOR = '----';

export function parseScript(text: string): Script {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const parts: (Step | { readonly text: string })[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    if (line === '' || line.startsWith('#')) {
      parts.push({ text: line });
      at += 1;
    } else {
      const [step, next] = parseStep(lines, at);
      parts.push(step);
      at = next;
    }
  }
  return { parts, lines };
}

/** The same file with `outputs` in the place of what its steps were expected to show. */
export function renderScript({ parts, lines }: Script, outputs: readonly (readonly string[])[]): string {
  let step = 0;
  const rendered = parts.flatMap((part) => {
    if ('text' in part) return [part.text];
    const output = outputs[step] ?? [];
    step += 1;
    const begin = part.line - 1;
    const head = lines.slice(begin, lines.indexOf(SEPARATOR, begin));
    const bracketed = output.includes('') ? [SEPARATOR, ...output, SEPARATOR, SEPARATOR] : output;
    return [...head, SEPARATOR, ...bracketed, ''];
  });
  return `${rendered.join('\n').trimEnd()}\n`;
}

export function parseCommand(text: string): Command {
  const [name = '', ...args] = text.trim().split(/\s+(?![^(]*\))/);
  const named = args.filter((arg) => arg.includes('='));
  return {
    name,
    plain: args.filter((arg) => !arg.includes('=')),
    named: new Map(named.map(parseNamed)),
  };
}

function parseNamed(arg: string): [string, string[]] {
  const at = arg.indexOf('=');
  const value = arg.slice(at + 1);
  const values = value.startsWith('(') ? value.slice(1, -1).split(',') : [value];
  return [arg.slice(0, at), values.map((one) => one.trim()).filter((one) => one !== '')];
}

/** The step whose command is at position `begin`, and the position after it. */
function parseStep(lines: readonly string[], begin: number): [Step, number] {
  const separator = lines.indexOf(SEPARATOR, begin);
  if (separator < 0) throw new Error(`line ${begin + 1}: a command without "${SEPARATOR}"`);
  const [first = '', ...input] = joinContinued(lines.slice(begin, separator));
  const bracketed = lines[separator + 1] === SEPARATOR;
  const from = separator + (bracketed ? 2 : 1);
  const end = bracketed ? endOfBracket(lines, from) : endOfParagraph(lines, from);
  const step = { line: begin + 1, command: parseCommand(first), input, expected: lines.slice(from, end) };
  return [step, end + (bracketed ? 2 : 1)];
}

/** A backslash at its end continues a line with the next. */
function joinContinued(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let continued = false;
  for (const line of lines) {
    const text = line.endsWith('\\') ? line.slice(0, -1) : line;
    if (continued) joined.push(`${joined.pop() ?? ''} ${text.trim()}`);
    else joined.push(text);
    continued = line.endsWith('\\');
  }
  return joined.map((line) => line.trim()).filter((line, position) => line !== '' || position === 0);
}

function endOfParagraph(lines: readonly string[], from: number): number {
  const end = lines.indexOf('', from);
  return end < 0 ? lines.length : end;
}

function endOfBracket(lines: readonly string[], from: number): number {
  const end = lines.findIndex((line, at) => at >= from && line === SEPARATOR && lines[at + 1] === SEPARATOR);
  return end < 0 ? lines.length : end;
}
