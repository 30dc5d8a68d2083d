import { describe, expect, it } from 'vitest';
import { resolveArgv } from './argv.ts';

const IMAGE = { entrypoint: ['/entry'], command: ['serve', '--all'] };

function argv(own: { entrypoint?: string[]; command?: string[] }, image = IMAGE): string[] {
  return resolveArgv(
    {
      image: 'demo',
      entrypoint: own.entrypoint && { items: own.entrypoint },
      command: own.command && { items: own.command },
    },
    image,
  );
}

describe('what a container runs', () => {
  it('is what the image says, when nothing else is said', () => {
    expect(argv({})).toEqual(['/entry', 'serve', '--all']);
  });

  it('takes a command instead of the image’s, after its entrypoint', () => {
    expect(argv({ command: ['check'] })).toEqual(['/entry', 'check']);
  });

  it('drops the image’s command with its entrypoint', () => {
    expect(argv({ entrypoint: ['/bin/sh'] })).toEqual(['/bin/sh']);
    expect(argv({ entrypoint: ['/bin/sh'], command: ['-c', 'true'] })).toEqual(['/bin/sh', '-c', 'true']);
  });

  it('clears only the entrypoint with an empty list', () => {
    expect(argv({ entrypoint: [] })).toEqual(['serve', '--all']);
    expect(argv({ entrypoint: [], command: ['ls'] })).toEqual(['ls']);
  });

  it('clears both with --entrypoint ""', () => {
    expect(argv({ entrypoint: [''], command: ['ls'] })).toEqual(['ls']);
    expect(() => argv({ entrypoint: [''] })).toThrow('no command specified');
  });

  it('clears the command with an empty list', () => {
    expect(argv({ command: [] })).toEqual(['/entry']);
  });

  it('is refused when there is nothing to run', () => {
    expect(() => argv({}, { entrypoint: [], command: [] })).toThrow('no command specified for image "demo"');
  });
});
