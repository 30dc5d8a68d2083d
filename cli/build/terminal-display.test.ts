import { EventEmitter } from 'node:events';
import type { WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TerminalBuildDisplay } from './terminal-display.ts';

class Screen extends EventEmitter {
  text = '';
  columns = 40;
  rows = 8;

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** What was drawn last, without what moves the cursor. */
  take(): string[] {
    const last =
      this.text
        .replaceAll('\x1b', '^')
        .split(/\^\[\d+A\r/)
        .at(-1) ?? '';
    this.text = '';
    return last
      .replaceAll(/\^\[[KJ]/g, '')
      .split('\n')
      .filter((line) => line !== '');
  }
}

describe('a build on a terminal', () => {
  let screen: Screen;
  let now = 0;
  let display: TerminalBuildDisplay;
  beforeEach(() => {
    vi.useFakeTimers();
    screen = new Screen();
    now = 0;
    display = new TerminalBuildDisplay(screen as unknown as WriteStream, () => now);
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const begin = (number: number, text: string, cached = false) =>
    display.step({ number, total: 9, place: `${number}/9`, text, cached });
  const print = (number: number, text: string) => display.stepOutput({ number, data: Buffer.from(text) });

  it('shows steps with their times, and what those print that run', () => {
    begin(1, 'FROM a', true);
    begin(2, 'RUN make');
    print(2, 'one\n\x1b[31mtwo\x1b[0m\nthree: 5%\rthree: 50%');
    now = 1_240;
    vi.advanceTimersByTime(150);
    expect(screen.take()).toEqual([
      '[+] Building 1.2s (1/9)',
      ' => CACHED [1/9] FROM a            0.0s',
      ' => [2/9] RUN make                 1.2s',
      ' => => # one',
      ' => => # two',
      ' => => # three: 50%',
    ]);
  });

  it('leaves out steps that have ended where there is no room', () => {
    for (const number of [1, 2, 3, 4]) begin(number, 'COPY', true);
    begin(5, 'RUN long');
    for (const number of [6, 7]) begin(number, 'COPY', true);
    begin(8, 'RUN other');
    print(5, 'a\nb\nc\n');
    print(8, 'd\n');
    vi.advanceTimersByTime(150);
    expect(screen.take().map((line) => line.trim().slice(0, 17).trim())).toEqual([
      '[+] Building 0.0s',
      '=> [5/9] RUN long',
      '=> => # b',
      '=> => # c',
      '=> CACHED [7/9] C',
      '=> [8/9] RUN othe',
      '=> => # d',
    ]);
    display.end();
    expect(screen.take()).toHaveLength(1 + 8 + 4);
    expect(screen.listenerCount('resize')).toBe(0);
  });
});
