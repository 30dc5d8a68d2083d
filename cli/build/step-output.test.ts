import { describe, expect, it } from 'vitest';
import { PlainBuildDisplay } from './plain-display.ts';
import { StepTails } from './step-output.ts';

const step = (number: number, place: string, text: string, cached = false) => ({
  number,
  total: 3,
  place,
  text,
  cached,
});
const output = (number: number, text: string) => ({ number, data: Buffer.from(text) });

describe('the output of steps', () => {
  it('comes in lines, whatever it was cut into', () => {
    const tails = new StepTails();
    tails.begin(step(1, '1/1', 'RUN x'));
    const bytes = Buffer.from('é\nb');
    expect(tails.add({ number: 1, data: bytes.subarray(0, 1) })).toEqual([]);
    expect(tails.add({ number: 1, data: bytes.subarray(1) })).toEqual(['é']);
    expect(tails.add(output(1, '\r10 %\r99 %\r\n'))).toEqual(['99 %']);
    expect(tails.finish(1)).toEqual([]);
  });

  it('is told at its end of a step that fails, and of no other', () => {
    const tails = new StepTails();
    tails.begin(step(1, 'a 2/2', 'RUN x'));
    tails.begin(step(2, 'b 2/2', 'RUN y'));
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    tails.add(output(1, lines.join('\n')));
    expect(tails.failure({ number: 1, durationMs: 1, error: 'exit code 1' })).toBe(
      `------\n > [a 2/2] RUN x:\n${lines.slice(10).join('\n')}\n------\n`,
    );
    expect(tails.failure({ number: 2, durationMs: 1, error: '' })).toBe('');
  });
});

describe('plain progress', () => {
  it('says whose lines follow when steps take turns', () => {
    let now = 0;
    let shown = '';
    const write = (text: string | Uint8Array) => {
      shown += String(text);
      return true;
    };
    const display = new PlainBuildDisplay({ write }, () => now);
    display.step(step(1, 'a 1/2', 'FROM x', true));
    display.step(step(2, 'a 2/2', 'RUN a'));
    display.step(step(3, 'b 2/2', 'RUN b'));
    now = 1250;
    display.stepOutput(output(2, 'of a\n'));
    display.stepEnd({ number: 3, durationMs: 1300, error: 'exit code 1' });
    display.stepEnd({ number: 2, durationMs: 2000, error: '' });
    display.end();
    expect(shown.split('\n')).toEqual([
      '#1 [a 1/2] FROM x',
      '#1 CACHED',
      '',
      '#2 [a 2/2] RUN a',
      '#2 ...',
      '',
      '#3 [b 2/2] RUN b',
      '#3 ...',
      '',
      '#2 [a 2/2] RUN a',
      '#2 1.250 of a',
      '#2 ...',
      '',
      '#3 [b 2/2] RUN b',
      '#3 ERROR: exit code 1',
      '',
      '#2 [a 2/2] RUN a',
      '#2 DONE 2.0s',
      '',
      '',
    ]);
  });
});
