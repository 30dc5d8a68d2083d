/** Lines of progress: redrawn in place on a terminal, written when they change elsewhere. */
import type { WriteStream } from 'node:tty';
import { fitWidth } from './text-width.ts';

export interface ProgressLine {
  readonly name: string;
  readonly text: string;
}

export interface Progress {
  show(lines: readonly ProgressLine[]): void;
  /** Leaves what was shown last. */
  end(): void;
}

export function createProgress(stream: WriteStream, quiet: boolean): Progress {
  if (quiet) return { show: () => undefined, end: () => undefined };
  return stream.isTTY ? new TerminalProgress(stream) : new PlainProgress(stream);
}

/** How progress is to be shown: `auto` as the stream is. */
export type ProgressMode = 'auto' | 'tty' | 'plain' | 'quiet';

export function progressIn(stream: WriteStream, mode: ProgressMode): Progress {
  if (mode === 'tty') return new TerminalProgress(stream);
  return mode === 'plain' ? new PlainProgress(stream) : createProgress(stream, mode === 'quiet');
}

/** A line is written again when its text differs from the one before. */
export class PlainProgress implements Progress {
  readonly #stream: Pick<WriteStream, 'write'>;
  readonly #shown = new Map<string, string>();

  constructor(stream: Pick<WriteStream, 'write'>) {
    this.#stream = stream;
  }

  show(lines: readonly ProgressLine[]): void {
    for (const { name, text } of lines) {
      if (this.#shown.get(name) === text) continue;
      this.#shown.set(name, text);
      this.#stream.write(`${name}: ${text}\n`);
    }
  }

  end(): void {
    this.#shown.clear();
  }
}

const ERASE_LINE = '\x1b[2K';
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Redraws all lines; each must fit the width and all together the height, or going up would miss. */
export class TerminalProgress implements Progress {
  readonly #stream: Pick<WriteStream, 'write' | 'columns' | 'rows'>;
  #drawn = 0;

  constructor(stream: Pick<WriteStream, 'write' | 'columns' | 'rows'>) {
    this.#stream = stream;
  }

  show(lines: readonly ProgressLine[]): void {
    const columns = this.#stream.columns || DEFAULT_SIZE.columns;
    const drawn = layOut(lines, this.#stream.rows || DEFAULT_SIZE.rows).map((line) => fitWidth(line, columns - 1));
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    // Lines that are no longer there would stay below.
    const rest = Math.max(0, this.#drawn - drawn.length);
    const text = [...drawn, ...Array<string>(rest).fill('')].map((line) => `${ERASE_LINE}${line}\n`).join('');
    this.#stream.write(`${up}${text}`);
    this.#drawn = drawn.length + rest;
  }

  end(): void {
    this.#drawn = 0;
  }
}

/** Names and texts in two columns; what doesn't fit the height is only counted. */
function layOut(lines: readonly ProgressLine[], rows: number): string[] {
  const width = Math.max(10, ...lines.map(({ name }) => name.length + 2));
  const room = Math.max(1, rows - 2);
  const shown = lines.slice(0, room).map(({ name, text }) => `${name.padEnd(width)}${text}`);
  return lines.length > room ? [...shown, `... and ${lines.length - room} more`] : shown;
}
