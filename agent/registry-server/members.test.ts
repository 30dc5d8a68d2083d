import { pino } from 'pino';
import { expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { Members } from './members.ts';

const logger = pino({ level: 'silent' });

it('asks once for many requests, and again after a while', async () => {
  const asked: string[] = [];
  let now = 0;
  let isMember = true;
  const ask = async (nodeId: string) => {
    asked.push(nodeId);
    return isMember;
  };
  const members = new Members(ask, () => now, logger);
  expect(await members.has('n1')).toBe(true);
  isMember = false;
  expect(await members.has('n1')).toBe(true);
  expect(asked).toEqual(['n1']);
  now += 5_000;
  expect(await members.has('n1')).toBe(false);
  expect(await members.has('n2')).toBe(false);
  expect(asked).toEqual(['n1', 'n1', 'n2']);
});

it('believes what was said last when nobody can be asked, and a node that nobody has spoken of', async () => {
  let now = 0;
  let answer: boolean | undefined = false;
  const ask = async () => {
    if (answer === undefined) throw new GantryError('UNAVAILABLE', 'no manager');
    return answer;
  };
  const members = new Members(ask, () => now, logger);
  expect(await members.has('removed')).toBe(false);
  answer = undefined;
  now += 60_000;
  expect(await members.has('removed')).toBe(false);
  expect(await members.has('unknown')).toBe(true);
});
