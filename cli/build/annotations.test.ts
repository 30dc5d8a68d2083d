import { expect, it } from 'vitest';
import { readAnnotations } from './annotations.ts';

it('annotations are of the manifest', () => {
  expect(readAnnotations(['org.example.a=1=2', 'manifest:b=', 'a.b/c:d=e', 'b=last'])).toEqual({
    'org.example.a': '1=2',
    'a.b/c:d': 'e',
    b: 'last',
  });
});

it.each([
  ['a', 'invalid argument'],
  ['=a', 'invalid argument'],
  ['index:a=b', 'there is no index'],
  ['manifest,index-descriptor:a=b', 'there is no index-descriptor'],
  ['manifest[linux/arm64]:a=b', 'there is no manifest[linux/arm64]'],
])('%s is refused', (text, message) => {
  expect(() => readAnnotations([text])).toThrow(message);
});
