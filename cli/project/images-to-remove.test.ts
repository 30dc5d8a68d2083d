import { expect, it } from 'vitest';
import { namesHere } from './images-to-remove.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const images = [
  { tags: ['shop-web:latest'], digests: [`shop-web@${digest('c')}`] },
  { tags: [], digests: [`shop-web@${digest('a')}`] },
  { tags: [], digests: [`shop-web-2@${digest('b')}`] },
  { tags: ['shop-db:1', 'other:1'], digests: [`shop-db@${digest('d')}`] },
];

it.each([
  ['shop-web', ['shop-web:latest', `shop-web@${digest('a')}`]],
  [`shop-web:latest@${digest('c')}`, ['shop-web:latest', `shop-web@${digest('a')}`]],
  ['shop-db:1', ['shop-db:1']],
  ['shop-db:2', ['shop-db:2']],
  [digest('e'), [digest('e')]],
])('%s is here as %j', (reference, names) => {
  expect(namesHere(reference, images)).toEqual(names);
});
