import { expect, it } from 'vitest';
import { readAnnotations } from './annotations.ts';

it('annotations are of the manifest', () => {
  expect(readAnnotations(['org.example.a=1=2', 'manifest:b=', 'a.b/c:d=e', 'b=last'], 'one')).toEqual({
    annotations: { 'org.example.a': '1=2', 'a.b/c:d': 'e', b: 'last' },
    indexAnnotations: {},
  });
});

it('annotations of several platforms are of each manifest, of their index, or of both', () => {
  expect(readAnnotations(['a=1', 'index:b=2', 'manifest,index:c=3'], 'several')).toEqual({
    annotations: { a: '1', c: '3' },
    indexAnnotations: { b: '2', c: '3' },
  });
  expect(() => readAnnotations(['index-descriptor:a=b'], 'several')).toThrow('there is no index-descriptor');
});

it.each([
  ['a', 'invalid argument'],
  ['=a', 'invalid argument'],
  ['index:a=b', 'there is no index'],
  ['manifest,index-descriptor:a=b', 'there is no index-descriptor'],
  ['manifest[linux/arm64]:a=b', 'there is no manifest[linux/arm64]'],
])('%s is refused', (text, message) => {
  expect(() => readAnnotations([text], 'one')).toThrow(message);
});
