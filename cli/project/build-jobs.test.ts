import { describe, expect, it } from 'vitest';
import { type BuildJob, runBuildJobs } from './build-jobs.ts';

/** Jobs that end when they are told to. */
class Jobs {
  readonly begun: string[] = [];
  readonly aborted: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  make(key: string, needs: readonly string[] = []): BuildJob {
    const end = Promise.withResolvers<void>();
    this.#ends.set(key, end);
    return {
      key,
      needs,
      run: (signal) => {
        this.begun.push(key);
        signal.addEventListener('abort', () => end.reject(new Error('broken off')));
        return end.promise.catch((error: Error) => {
          if (error.message === 'broken off') this.aborted.push(key);
          throw error;
        });
      },
    };
  }

  async end(key: string, error?: Error): Promise<void> {
    if (error === undefined) this.#ends.get(key)?.resolve();
    else this.#ends.get(key)?.reject(error);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

describe('builds', () => {
  it('run side by side, those that others are built from before them', async () => {
    const jobs = new Jobs();
    const all = runBuildJobs([jobs.make('base'), jobs.make('other'), jobs.make('web', ['base'])]);
    await jobs.end('');
    expect(jobs.begun).toEqual(['base', 'other']);
    await jobs.end('base');
    expect(jobs.begun).toEqual(['base', 'other', 'web']);
    await jobs.end('other');
    await jobs.end('web');
    await all;
  });

  it('are no more than a few at once', async () => {
    const jobs = new Jobs();
    const all = runBuildJobs(['a', 'b', 'c', 'd', 'e'].map((key) => jobs.make(key)));
    await jobs.end('');
    expect(jobs.begun).toEqual(['a', 'b', 'c', 'd']);
    await jobs.end('c');
    expect(jobs.begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const key of ['a', 'b', 'd', 'e']) await jobs.end(key);
    await all;
  });

  it('are broken off by the first that fails, which is told of', async () => {
    const jobs = new Jobs();
    const all = runBuildJobs([jobs.make('base'), jobs.make('other'), jobs.make('web', ['base'])]);
    const outcome = expect(all).rejects.toThrow('base failed');
    await jobs.end('base', new Error('base failed'));
    await outcome;
    expect(jobs).toMatchObject({ begun: ['base', 'other'], aborted: ['other'] });
  });
});
