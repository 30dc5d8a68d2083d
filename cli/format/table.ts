/** Text in columns, padded as Docker's tables are (Go's text/tabwriter: minimum width 10, padding 3). */

const MINIMUM_WIDTH = 10;
const PADDING = 3;

/** Lines whose cells are parted by tabs, aligned; the last cell of a line isn't padded. No final line end. */
export function alignColumns(lines: readonly string[], minimumWidth = MINIMUM_WIDTH): string {
  const rows = lines.map((line) => line.split('\t'));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? minimumWidth, displayWidth(cell) + PADDING);
    }
  }
  return rows.map((row) => row.map((cell, column) => padCell(cell, column, row.length, widths)).join('')).join('\n');
}

function padCell(cell: string, column: number, cells: number, widths: readonly number[]): string {
  if (column === cells - 1) return cell;
  return cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)));
}

/** Cells count code points, as tabwriter does. */
function displayWidth(cell: string): number {
  return [...cell].length;
}

/** The first `length` characters, the last of them "…" when something was cut off. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

/** 12 characters of an id, without the algorithm of a digest. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
