import { describe, expect, it } from 'vitest';
import { PlainProgress, TerminalProgress } from './progress.ts';

class Screen {
  text = '';
  readonly columns: number;
  readonly rows: number;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** What is to be seen, as a terminal that knows "up" and "erase line" shows it. */
  lines(): string[] {
    const lines: string[] = [''];
    let row = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
    for (const [token] of this.text.matchAll(/\x1b\[\d+[AK]|\n|[^\x1b\n]+/g)) {
      if (token.endsWith('A') && token.startsWith('\x1b')) row -= Number.parseInt(token.slice(2), 10);
      else if (token.startsWith('\x1b')) lines[row] = '';
      else if (token === '\n') row += 1;
      else lines[row] = (lines[row] ?? '') + token;
    }
    return lines;
  }
}

describe('progress on a terminal', () => {
  it('redraws its lines in place', () => {
    const screen = new Screen(80, 24);
    const progress = new TerminalProgress(screen);
    progress.show([
      { name: 'web', text: '0/2' },
      { name: 'database', text: '1/1' },
    ]);
    progress.show([
      { name: 'web', text: '2/2' },
      { name: 'database', text: '1/1' },
    ]);
    expect(screen.lines()).toEqual(['web       2/2', 'database  1/1']);
  });

  it('cuts lines at the width, and leaves nothing of lines that are gone', () => {
    const screen = new Screen(16, 24);
    const progress = new TerminalProgress(screen);
    progress.show([
      { name: 'web', text: 'a text that is too long' },
      { name: 'db', text: '1/1' },
    ]);
    expect(screen.lines()[0]).toBe('web       a tex');
    progress.show([{ name: 'web', text: 'ok' }]);
    expect(screen.lines()).toEqual(['web       ok', '']);
  });

  it('never draws more lines than the screen has', () => {
    const screen = new Screen(80, 5);
    const lines = Array.from({ length: 9 }, (_, index) => ({ name: `s${index}`, text: '1/1' }));
    new TerminalProgress(screen).show(lines);
    expect(screen.lines().filter((line) => line !== '')).toEqual([
      's0        1/1',
      's1        1/1',
      's2        1/1',
      '... and 6 more',
    ]);
  });
});

describe('progress elsewhere', () => {
  it('writes a line when it changes', () => {
    const screen = new Screen(80, 24);
    const progress = new PlainProgress(screen);
    progress.show([{ name: 'web', text: '0/1' }]);
    progress.show([{ name: 'web', text: '0/1' }]);
    progress.show([{ name: 'web', text: '1/1' }]);
    expect(screen.text).toBe('web: 0/1\nweb: 1/1\n');
  });
});
