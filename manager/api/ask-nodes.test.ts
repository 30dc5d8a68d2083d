import { expect, it } from 'vitest';
import { node } from '../objects.testing.ts';
import { askNodes } from './ask-nodes.ts';

it('asks so many nodes at a time, and gives the answers back in their order', async () => {
  const nodes = Array.from({ length: 100 }, (_, index) => node(`n${index}`));
  let asked = 0;
  let most = 0;
  const answers = await askNodes(nodes, async ({ id }) => {
    asked += 1;
    most = Math.max(most, asked);
    // The later ones answer first.
    for (let turn = Number(id.slice(1)); turn < 100; turn += 1) await Promise.resolve();
    asked -= 1;
    return id;
  });
  expect(answers).toEqual(nodes.map(({ id }) => id));
  expect(most).toBe(32);
});
