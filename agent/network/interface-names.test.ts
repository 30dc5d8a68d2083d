import { describe, expect, it } from 'vitest';
import { checkInterfaceNames } from './interface-names.ts';

const check =
  (...names: string[]) =>
  () =>
    checkInterfaceNames(names.map((name) => (name === '' ? {} : { interfaceName: name })));

describe('names of interfaces', () => {
  it.each([[['', '']], [['front', '']], [['eth1', 'eth0']], [['a.b-c_d']]])('%j will do', (names) => {
    expect(check(...names)).not.toThrow();
  });

  it.each([
    [['lo'], '"lo" is the name of another interface'],
    [['a/b'], '"a/b" is no name of an interface'],
    [['0123456789abcdef'], 'is no name of an interface'],
    [['eth1', ''], '"eth1" is the name of another interface'],
    [['a', 'a'], '"a" is the name of another interface'],
  ])('%j will not', (names, message) => {
    expect(check(...names)).toThrow(message);
  });
});
