/** Lines of progress: redrawn in place on a terminal, written when they change elsewhere. */
import type { WriteStream } from 'node:tty';

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

/** Redraws all lines; they must fit the width, or going up would miss. */
export class TerminalProgress implements Progress {
  readonly #stream: Pick<WriteStream, 'write' | 'columns'>;
  #drawn = 0;

  constructor(stream: Pick<WriteStream, 'write' | 'columns'>) {
    this.#stream = stream;
  }

  show(lines: readonly ProgressLine[]): void {
    const width = Math.max(10, ...lines.map(({ name }) => name.length + 2));
    const columns = this.#stream.columns || 80;
    const text = lines.map(
      ({ name, text: line }) => `${ERASE_LINE}${`${name.padEnd(width)}${line}`.slice(0, columns - 1)}\n`,
    );
    this.#stream.write(`${this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''}${text.join('')}`);
    this.#drawn = lines.length;
  }

  end(): void {
    this.#drawn = 0;
  }
}
