/** How many columns text takes on a terminal. Pure. Source: Unicode Standard Annex #11, as terminals have it. */

/** From and to, of characters that take two columns. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];
const NO_WIDTH = /^[\p{M}\p{Cf}\p{Cc}]$/u;
const PLAIN = /^[\x20-\x7e]*$/;

export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** Its beginning, as far as the columns go. */
export function fitWidth(text: string, columns: number): string {
  if (PLAIN.test(text)) return text.slice(0, Math.max(0, columns));
  let width = 0;
  let fitting = '';
  for (const char of text) {
    width += charWidth(char);
    if (width > columns) break;
    fitting += char;
  }
  return fitting;
}

/** With spaces behind, or cut, so that it takes exactly these columns. */
export function padWidth(text: string, columns: number): string {
  const fitting = fitWidth(text, columns);
  return fitting + ' '.repeat(Math.max(0, columns - textWidth(fitting)));
}

/** What a command prints must not move the cursor. */
export function printable(text: string): string {
  const plain = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    .replaceAll(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g, '');
  return plain.replaceAll(/\p{Cc}/gu, ' ');
}

function charWidth(char: string): number {
  if (NO_WIDTH.test(char)) return 0;
  const code = char.codePointAt(0) ?? 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}
