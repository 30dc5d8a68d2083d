import { expect, it } from 'vitest';
import { unknownSourceText } from './unknown-sources.ts';

it('tells what is known, and what is not', () => {
  const source = { service: 'shop_web', source: '/srv/shop', foundOn: ['h1'], silent: ['h2'] };
  expect(unknownSourceText(source)).toBe(
    'path /srv/shop of service shop_web is on h1, where its tasks go; node h2 did not answer whether it has it: ' +
      'deploy again when all answer',
  );
  expect(unknownSourceText({ ...source, source: 'data', foundOn: [], silent: ['h2', 'h3'] })).toBe(
    'volume data of service shop_web is on no node that answered, and nodes h2, h3 did not answer whether they have it: ' +
      'tasks may go where it is not; deploy again when all answer',
  );
});
