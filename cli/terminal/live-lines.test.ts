import { describe, expect, it } from 'vitest';
import { LiveLines } from './live-lines.ts';

class Screen {
  text = '';
  columns: number;
  rows: number;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  take(): string {
    const { text } = this;
    this.text = '';
    return text.replaceAll('\x1b', '^');
  }
}

describe('lines that are drawn again', () => {
  it('replace those before, however many there were', () => {
    const screen = new Screen(20, 10);
    const lines = new LiveLines(screen);
    lines.draw(['a', 'b']);
    expect(screen.take()).toBe('a^[K\nb^[K\n^[J');
    lines.draw(['c']);
    expect(screen.take()).toBe('^[2A\rc^[K\n^[J');
    lines.finish(['d', 'e']);
    expect(screen.take()).toBe('^[1A\rd^[K\ne^[K\n^[J');
    lines.draw(['f']);
    expect(screen.take()).toBe('f^[K\n^[J');
  });

  it('fit the window while they change, and are whole in the end', () => {
    const screen = new Screen(6, 3);
    const lines = new LiveLines(screen);
    lines.draw(['too long', '2', '3', '4']);
    expect(screen.take()).toBe('too l^[K\n2^[K\n^[J');
    lines.finish(['1', '2', '3', '4']);
    expect(screen.take()).toBe('^[2A\r1^[K\n2^[K\n3^[K\n4^[K\n^[J');
  });

  it('are found again in a window that became narrower', () => {
    const screen = new Screen(10, 10);
    const lines = new LiveLines(screen);
    lines.draw(['123456789', 'x']);
    screen.take();
    screen.columns = 4;
    lines.draw(['y']);
    expect(screen.take()).toBe('^[4A\ry^[K\n^[J');
  });
});
