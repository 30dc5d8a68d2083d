import { describe, expect, it } from 'vitest';
import { newCommand, runCommand } from '../command-line.ts';
import {
  type AttachedStreams,
  attachedStreams,
  declareAttach,
  declareForeground,
  type ForegroundOptions,
  foreground,
} from './session-options.ts';

async function read(...argv: string[]): Promise<AttachedStreams & ForegroundOptions> {
  const command = declareAttach(declareForeground(newCommand('run', 'test')));
  let read: (AttachedStreams & ForegroundOptions) | undefined;
  command.action((options: AttachedStreams & ForegroundOptions) => {
    read = options;
  });
  await runCommand(command, argv);
  if (read === undefined) throw new Error('the command did not run');
  return read;
}

describe('a foreground', () => {
  it('is as usual when nothing is said', async () => {
    const options = await read('--sig-proxy');
    expect(foreground(options)).toEqual({});
    expect(attachedStreams(options, true)).toEqual({ stdin: true });
  });

  it('keeps signals for itself, and has keys of its own', async () => {
    expect(foreground(await read('--sig-proxy=false', '--detach-keys', 'ctrl-a,d'))).toEqual({
      signals: 'own',
      detachKeys: [1, 100],
    });
  });

  it('attaches to some streams alone', async () => {
    expect(attachedStreams(await read('-a', 'stdout'), true)).toEqual({ stdin: false, outputs: new Set(['stdout']) });
    expect(attachedStreams(await read('-a', 'STDIN', '-a', 'stderr'), true)).toEqual({
      stdin: true,
      outputs: new Set(['stderr']),
    });
    expect(attachedStreams(await read('-a', 'stdin'), false)).toEqual({ stdin: false, outputs: new Set() });
  });

  it('is refused another stream', async () => {
    await expect(read('-a', 'log')).rejects.toThrow('invalid argument "log" for --attach');
  });
});
