/** How the CLI is with a process in its foreground: --attach, --detach-keys, --sig-proxy. */
import type { Command } from 'commander';
import { collect, declareSwitch, invalidFlag } from '../command-line.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';
import type { SessionOptions } from '../terminal/session.ts';

export interface DetachOptions {
  readonly detachKeys?: readonly number[];
}

export interface ForegroundOptions extends DetachOptions {
  readonly sigProxy?: boolean;
}

export interface AttachedStreams {
  readonly attach: readonly StreamName[];
}

export function declareDetachKeys(command: Command): Command {
  return command.option('--detach-keys <keys>', 'keys that detach from it: ctrl-a,d', parseDetachKeys);
}

export function declareForeground(command: Command): Command {
  return declareSwitch(declareDetachKeys(command), '--sig-proxy', 'pass signals on to the process (default: true)');
}

export function declareAttach(command: Command): Command {
  return command.option(
    '-a, --attach <stream>',
    'attach to stdin, stdout or stderr alone',
    (text: string, previous: readonly string[]) => collect(streamName(text), previous),
    [],
  );
}

/** The part of a session's options that these say. */
export function foreground({ detachKeys, sigProxy }: ForegroundOptions): Partial<SessionOptions> {
  return {
    ...(detachKeys === undefined ? {} : { detachKeys }),
    ...(sigProxy === false ? { signals: 'own' as const } : {}),
  };
}

type StreamName = 'stdin' | 'stdout' | 'stderr';

function streamName(text: string): StreamName {
  const name = text.toLowerCase();
  if (name === 'stdin' || name === 'stdout' || name === 'stderr') return name;
  throw invalidFlag('--attach', text, 'write stdin, stdout or stderr');
}

/** What is attached to of a process, which takes input when `interactive`. Nothing said is all of it. */
export function attachedStreams(
  { attach }: AttachedStreams,
  interactive: boolean,
): Pick<SessionOptions, 'stdin' | 'outputs'> {
  if (attach.length === 0) return { stdin: interactive };
  const names = new Set(attach);
  const outputs = (['stdout', 'stderr'] as const).filter((name) => names.has(name));
  return { stdin: interactive && names.has('stdin'), outputs: new Set(outputs) };
}
