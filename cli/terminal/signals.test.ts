import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { forwardSignals } from './signals.ts';

function watch() {
  const source = new EventEmitter();
  const seen: string[] = [];
  const stop = forwardSignals(
    source,
    (signal) => seen.push(signal),
    () => seen.push('forced'),
  );
  return { source, seen, stop };
}

describe('signals while a container is in the foreground', () => {
  it('go to it', () => {
    const { source, seen } = watch();
    for (const signal of ['SIGINT', 'SIGUSR1', 'SIGHUP']) source.emit(signal, signal);
    expect(seen).toEqual(['SIGINT', 'SIGUSR1', 'SIGHUP']);
  });

  it('end the CLI at the third request to end', () => {
    const { source, seen } = watch();
    for (const signal of ['SIGINT', 'SIGUSR1', 'SIGTERM', 'SIGINT']) source.emit(signal, signal);
    expect(seen).toEqual(['SIGINT', 'SIGUSR1', 'SIGTERM', 'forced']);
  });

  it('are left alone afterwards', () => {
    const { source, stop } = watch();
    stop();
    expect(source.eventNames()).toEqual([]);
  });
});
