import { describe, expect, it } from 'vitest';
import { commandName } from './code-cache.ts';
import { NOUNS } from './commands/registry.ts';

describe('the name a command line is remembered by', () => {
  it.each([
    [['ps', '-a'], 'ps'],
    [['-H', 'unix:///x', 'exec', 'web', 'ls'], 'exec'],
    [['stack', 'deploy', '-c', 'x', 'y'], 'stack-deploy'],
    [['compose', '-f', 'x.yml', 'up', '-d'], 'compose-up'],
    [['--help'], 'help'],
    [['stack', '--help'], 'stack'],
    [['../../etc'], undefined],
    [['stack', '../x'], undefined],
    [['--nope'], undefined],
  ])('%j is %s', (argv, name) => {
    expect(commandName(argv)).toBe(name);
  });

  it('has two words for every noun', () => {
    for (const { name, aliases } of NOUNS) {
      for (const noun of [name, ...aliases]) expect(commandName([noun, 'ls'])).toBe(`${noun}-ls`);
    }
  });
});
