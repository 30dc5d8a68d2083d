/** Literal and folded blocks: "|", "|-", "|+", ">" and ">-" with the lines below. */
import type { Scalar } from '../tree.ts';
import type { Places } from './places.ts';
import { notCommon } from './scalars.ts';

const HEADER = /([|>])([-+]?)(?: *| +#[^\n]*)(?:\n|$)/y;

/** `start`: of the header. `end`: where the first line behind it starts; the places have its number then. */
export function readTextBlock(
  places: Places,
  start: number,
  indent: number,
  depth: number,
): { readonly tree: Scalar; readonly end: number } {
  const { text } = places;
  HEADER.lastIndex = start;
  const header = HEADER.exec(text);
  if (header === null) return notCommon();
  const position = places.node(start, depth);
  places.line += 1;
  const lines: string[] = [];
  let at = start + header[0].length;
  let own = -1;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const spaces = spacesAt(text, at, end);
    const isBlank = at + spaces === end;
    if (!isBlank && own === -1) {
      // Blank lines above that are indented deeper are an error.
      if (lines.some((line) => line.length > spaces)) notCommon();
      own = spaces;
      for (let index = 0; index < lines.length; index += 1) lines[index] = '';
      if (own <= indent) break;
    }
    if (!isBlank && spaces < own) break;
    if (newline === -1 && isBlank) notCommon();
    lines.push(own === -1 ? text.slice(at, end) : text.slice(at + Math.min(own, spaces), end));
    places.line += 1;
    at = end + 1;
  }
  if (lines.length === 0 || own <= indent) notCommon();
  const value = chomped(lines, header[1] === '>', header[2] ?? '', at > text.length);
  return { tree: { kind: 'scalar', position, text: value, value, quoted: true }, end: Math.min(at, text.length) };
}

function spacesAt(text: string, at: number, end: number): number {
  let index = at;
  while (index < end && text[index] === ' ') index += 1;
  return index - at;
}

/** `isOpen`: the last line has no end. */
function chomped(lines: readonly string[], isFolded: boolean, mark: string, isOpen: boolean): string {
  let last = lines.length;
  while (last > 0 && lines[last - 1] === '') last -= 1;
  if (last !== lines.length && isOpen) notCommon();
  // Spaces alone at the end are a matter for the library.
  if (/^ +$/.test(lines[last - 1] ?? '')) notCommon();
  const content = isFolded ? folded(lines.slice(0, last)) : lines.slice(0, last).join('\n');
  if (mark === '-') return content;
  if (mark === '+') return isOpen || isFolded ? notCommon() : `${lines.join('\n')}\n`;
  return content === '' ? '' : `${content}\n`;
}

/** Lines become one, and of blank lines between them one less. */
function folded(lines: readonly string[]): string {
  let text = '';
  let isJoined = true;
  for (const line of lines) {
    // Lines that are indented deeper stay lines; so do blank ones at the start.
    if (line.startsWith(' ') || (line === '' && text === '')) notCommon();
    if (line === '') text += '\n';
    else text += isJoined || text.endsWith('\n') ? line : ` ${line}`;
    isJoined = false;
  }
  return text;
}
