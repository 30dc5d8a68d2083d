import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Silence } from './silence.ts';

async function hasFallen(silence: Silence, withinMs: number): Promise<boolean> {
  return Promise.race([silence.fallen.then(() => true), sleep(withinMs, false)]);
}

it('falls when nothing is heard', async () => {
  expect((await new Silence(20).fallen).message).toBe('the manager has said nothing for 20 ms');
});

it('does not fall for a pause of this process itself: what was said is yet to be read', async () => {
  const silence = new Silence(500);
  const until = performance.now() + 700;
  while (performance.now() < until);
  expect(await hasFallen(silence, 100)).toBe(false);
  silence.stop();
});

it('falls when nothing is heard after such a pause either', async () => {
  const silence = new Silence(30);
  const until = performance.now() + 60;
  while (performance.now() < until);
  expect((await silence.fallen).code).toBe('UNAVAILABLE');
});

it('falls also when this process is held up each time', async () => {
  const silence = new Silence(30);
  const holdUp = () => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  };
  holdUp();
  await sleep(0);
  holdUp();
  expect(await hasFallen(silence, 20)).toBe(true);
});
