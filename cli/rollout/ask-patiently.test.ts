import { expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { askPatiently } from './ask-patiently.ts';

const lost = () => new GantryError('UNAVAILABLE', 'the leader changed');

async function ask(...failures: Error[]): Promise<{ outcome: string; told: string[]; left: number }> {
  const told: string[] = [];
  const left = [...failures];
  const question = async () => {
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return 'answer';
  };
  const outcome = await askPatiently(question, async ({ message }) => void told.push(message)).catch(
    (error: Error) => error.message,
  );
  return { outcome, told, left: left.length };
}

it('asks again what was lost, and says so once', async () => {
  expect(await ask(lost(), lost())).toEqual({ outcome: 'answer', told: ['the leader changed'], left: 0 });
});

it('takes an answer for one, and does not wait for what was never there', async () => {
  const refused = new GantryError('CONFLICT', 'no');
  expect(await ask(refused, lost())).toEqual({ outcome: 'no', told: [], left: 1 });
  expect(await ask(lost(), refused)).toMatchObject({ outcome: 'no' });
  const absent = new GantryError('UNAVAILABLE', 'connect ECONNREFUSED', { cause: new Error('grpc') });
  expect(await ask(absent, lost())).toEqual({ outcome: 'connect ECONNREFUSED', told: [], left: 1 });
  expect(await ask(lost(), absent)).toMatchObject({ outcome: 'answer' });
});
