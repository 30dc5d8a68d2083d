/** What a command shows, line by line; nothing at all at log level none, but errors. */

export const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];

export class Output {
  #lines: string[] = [];
  level = 'debug';

  get quiet(): boolean {
    return this.level === 'none';
  }

  write(...lines: readonly string[]): void {
    if (!this.quiet) this.#lines.push(...lines);
  }

  /** Also at log level none. */
  writeAlways(...lines: readonly string[]): void {
    this.#lines.push(...lines);
  }

  /** What `inner` shows, under a heading. */
  section(heading: string, inner: () => void): void {
    this.write(heading);
    const outer = this.#lines;
    this.#lines = [];
    try {
      inner();
    } finally {
      outer.push(...this.#lines.map((line) => `  ${line}`));
      this.#lines = outer;
    }
  }

  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}
