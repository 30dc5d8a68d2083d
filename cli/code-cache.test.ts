import { describe, expect, it } from 'vitest';
import { asksForHelp, commandName } from './code-cache.ts';
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

  it.each([
    [['--help'], true],
    [[], true],
    [['help'], true],
    [['stack'], true],
    [['-H', 'unix:///x', 'swarm', '--help'], true],
    [['stack', 'deploy', '--help'], false],
    [['help', 'stack'], false],
    [['ps', '--help'], false],
    [['--version'], false],
    [['--nope'], false],
  ])('%j asks for help alone: %s', (argv, asks) => {
    expect(asksForHelp(argv)).toBe(asks);
  });

  it('has two words for every noun', () => {
    for (const { name, aliases } of NOUNS) {
      for (const noun of [name, ...aliases]) expect(commandName([noun, 'ls'])).toBe(`${noun}-ls`);
    }
  });
});
