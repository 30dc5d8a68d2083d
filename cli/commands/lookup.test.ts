import { describe, expect, it } from 'vitest';
import { lookUp } from './lookup.ts';
import { COMMANDS, NOUNS, UNSUPPORTED } from './registry.ts';

describe('finding a command', () => {
  it.each([
    [['ps', '-a'], 'container ls', 'ps', ['-a']],
    [['container', 'ps'], 'container ls', 'container ps', []],
    [['run', 'x'], 'container run', 'run', ['x']],
    [['swarm', 'init'], 'cluster init', 'swarm init', []],
    [['rmi', 'x'], 'image rm', 'rmi', ['x']],
    [['stack', 'deploy', '-c', 'f', 's'], 'stack deploy', 'stack deploy', ['-c', 'f', 's']],
  ])('%j', (words, name, path, rest) => {
    expect(lookUp(words)).toMatchObject({
      kind: 'command',
      entry: { names: expect.arrayContaining([name]) },
      path,
      rest,
    });
  });

  it('takes a noun alone for a question', () => {
    expect(lookUp(['stack'])).toEqual({ kind: 'noun', noun: 'stack' });
    expect(lookUp(['swarm', '--help'])).toEqual({ kind: 'noun', noun: 'cluster' });
  });

  it('says what to do instead of what is not there yet', () => {
    expect(lookUp(['search', 'x'])).toMatchObject({ kind: 'unsupported', path: 'search' });
    expect(lookUp(['compose', 'watch'])).toMatchObject({ kind: 'unsupported', path: 'compose watch' });
    for (const flag of ['-v', '--version']) {
      expect(lookUp(['compose', flag])).toMatchObject({ kind: 'command', path: 'compose version' });
    }
    expect(lookUp(['compose', '-f', 'x.yml', 'up', '-d'])).toMatchObject({
      path: 'compose up',
      rest: ['--file', 'x.yml', '-d'],
    });
    expect(lookUp(['volume', 'create'])).toMatchObject({ kind: 'unsupported', path: 'volume create' });
  });

  it('suggests the nearest', () => {
    expect(lookUp(['rnu'])).toEqual({ kind: 'unknown', path: 'rnu', suggestion: 'run' });
    expect(lookUp(['stack', 'depoly'])).toEqual({ kind: 'unknown', path: 'stack depoly', suggestion: 'stack deploy' });
    expect(lookUp(['xyzzy-plugh'])).toMatchObject({ kind: 'unknown', suggestion: undefined });
  });
});

describe('the registry', () => {
  const names = COMMANDS.flatMap((entry) => [...entry.names]);

  it('names every command once, and none of them as missing', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => UNSUPPORTED.has(name))).toEqual([]);
  });

  it('knows the noun of every name of two words', () => {
    const nouns = new Set(NOUNS.map(({ name }) => name));
    const all = [...names, ...UNSUPPORTED.keys()].filter((name) => name.includes(' '));
    expect(all.filter((name) => !nouns.has(name.split(' ')[0] ?? ''))).toEqual([]);
  });

  it.each(COMMANDS.map((entry) => [entry.names[0], entry] as const))('%s can be loaded', async (_, entry) => {
    expect(await entry.load()).toHaveProperty('define');
  });
});
