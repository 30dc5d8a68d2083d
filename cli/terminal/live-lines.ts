/** Lines at the end of a terminal that are drawn again and again, until they are left as they are. */
import type { WriteStream } from 'node:tty';
import { fitWidth, textWidth } from './text-width.ts';

const ERASE_TO_END_OF_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
const DEFAULT_SIZE = { columns: 80, rows: 24 };

export class LiveLines {
  readonly #stream: Pick<WriteStream, 'write' | 'columns' | 'rows'>;
  /** Columns that each drawn line takes. */
  #drawn: readonly number[] = [];

  constructor(stream: Pick<WriteStream, 'write' | 'columns' | 'rows'>) {
    this.#stream = stream;
  }

  get columns(): number {
    return this.#stream.columns || DEFAULT_SIZE.columns;
  }

  get rows(): number {
    return this.#stream.rows || DEFAULT_SIZE.rows;
  }

  /** Of more lines than there are rows the first are shown, as going up would miss the others. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, this.rows - 1).map((line) => fitWidth(line, this.columns - 1));
    this.#stream.write(this.#back() + text(shown));
    this.#drawn = shown.map(textWidth);
  }

  /** Leaves these, however many they are; what is written next comes below. */
  finish(lines: readonly string[]): void {
    this.#stream.write(this.#back() + text(lines.map((line) => fitWidth(line, this.columns - 1))));
    this.#drawn = [];
  }

  /** To the first line drawn. In a window that has become narrower, terminals wrap what they show. */
  #back(): string {
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / this.columns)), 0);
    const up = Math.min(rows, this.rows - 1);
    return up === 0 ? '' : `\x1b[${up}A\r`;
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}${ERASE_TO_END_OF_LINE}\n`).join('') + ERASE_BELOW;
}
