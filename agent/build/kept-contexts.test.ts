import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../image/content-store.ts';
import { KeptContexts } from './kept-contexts.ts';

const file = (name: string, changedAtMs = 1) => ({
  name,
  mode: 0o100_644,
  size: 4,
  changedAtMs,
  link: '',
  stamp: '',
  unsettled: false,
});
const ALONE = { whenOther: 'without', signal: new AbortController().signal } as const;
const directory = (name: string) => ({ ...file(name), mode: 0o040_755, size: 0 });

describe('kept contexts', () => {
  let dir: string;
  let contexts: KeptContexts;
  let now = 0;
  const reopen = async (bootId = 'this boot') => {
    contexts = new KeptContexts({ dir, clock: () => now++, bootId, logger: pino({ level: 'silent' }) });
    await contexts.open();
  };
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-kept-'));
    await reopen();
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** As a build does it; the names of what it was sent. */
  async function build(
    files: readonly ReturnType<typeof file>[],
    removed: ReadonlySet<string> = new Set(),
  ): Promise<string[]> {
    const context = await contexts.take('id', files, ALONE);
    if (context === undefined) throw new Error('another build has it');
    const sent = context.wanted.map((index) => files[index]?.name ?? '');
    for (const name of sent) {
      if (files.find((one) => one.name === name)?.size === 0) mkdirSync(join(context.root, name), { recursive: true });
      else writeFileSync(join(context.root, name), name);
    }
    for (const name of removed) rmSync(join(context.root, name));
    await context.keep(removed);
    await context.close();
    return sent;
  }

  it('are filled once, then with what changes, also after a restart', async () => {
    expect(await build([directory('d'), file('d/a'), file('b')])).toEqual(['d', 'd/a', 'b']);
    await reopen();
    expect(await build([directory('d'), file('d/a', 2), file('b')])).toEqual(['d', 'd/a']);
    expect(await build([file('b')])).toEqual([]);
    const context = await contexts.take('id', [file('b')], ALONE);
    expect(readdirSync(context?.root ?? '')).toEqual(['b']);
    await context?.keep(new Set());
    expect(await contexts.take('id', [], ALONE)).toBeUndefined();
    await context?.close();
    expect(contexts.usage()).toMatchObject([{ sizeBytes: 4, uses: 3 }]);
    await contexts.drop(contexts.usage().map(({ id }) => id));
    expect(readdirSync(join(dir, 'build/kept'))).toEqual([]);
  });

  it('are dropped when the host was started anew: their files may not have come to the disk', async () => {
    await build([file('a')]);
    await reopen('the next boot');
    expect(readdirSync(join(dir, 'build/kept'))).toEqual([]);
    expect(await build([file('a')])).toEqual(['a']);
  });

  it('are dropped when a build, or the agent, breaks off', async () => {
    await build([file('a')]);
    await (await contexts.take('id', [file('a', 2)], ALONE))?.close();
    expect(contexts.usage()).toEqual([]);
    await build([file('a')]);
    const [name = ''] = readdirSync(join(dir, 'build/kept'));
    writeFileSync(join(dir, 'build/kept', name, 'listing.json'), '[{');
    expect(await build([file('a')])).toEqual(['a']);
    await contexts.take('id', [file('a', 2)], ALONE);
    await reopen();
    expect(readdirSync(join(dir, 'build/kept'))).toEqual([]);
    expect(await build([file('a')])).toEqual(['a']);
  });

  it('are sent again what a build has removed', async () => {
    const files = [file('Dockerfile'), file('.dockerignore'), file('a')];
    await build(files, new Set(['Dockerfile', '.dockerignore']));
    expect(await build(files)).toEqual(['Dockerfile', '.dockerignore']);
  });

  it('can be looked at while nothing is known to change in them', async () => {
    const content = digestOf(Buffer.from('x'));
    await build([file('a')]);
    expect(await contexts.peek('id', [file('a')])).toBeUndefined();
    const context = await contexts.take('id', [file('a')], ALONE);
    expect(context).toMatchObject({ isUnchanged: true, wanted: [], content: undefined });
    await context?.keep(new Set());
    await context?.noteContent(content);
    expect(await contexts.peek('id', [file('a')])).toBeUndefined();
    await context?.close();
    await reopen();
    expect(await contexts.peek('id', [file('a')])).toMatchObject({ isUnchanged: true, content });
    expect(await contexts.peek('id', [file('a', 2)])).toBeUndefined();
    expect(await contexts.peek('id', [file('a'), file('b')])).toBeUndefined();
    expect(await contexts.peek('another', [])).toBeUndefined();
    expect(await contexts.take('id', [file('a', 2)], ALONE)).toMatchObject({ isUnchanged: false, content: undefined });
  });

  it('are filled once for builds at once', async () => {
    const first = await contexts.take('id', [file('a')], ALONE);
    const second = contexts.take('id', [file('a')], ALONE);
    const other = contexts.take('id', [file('a', 2)], { ...ALONE, whenOther: 'wait' });
    const gone = new AbortController();
    const cancelled = contexts.take('id', [file('a')], { ...ALONE, signal: gone.signal });
    gone.abort(new Error('the caller has gone'));
    await expect(cancelled).rejects.toThrow('the caller has gone');
    writeFileSync(join(first?.root ?? '', 'a'), 'a');
    await first?.keep(new Set());
    const shared = await second;
    expect(shared).toMatchObject({ root: first?.root, isUnchanged: true, wanted: [] });
    await first?.close();
    expect(readdirSync(shared?.root ?? '')).toEqual(['a']);
    await shared?.keep(new Set());
    const content = digestOf(Buffer.from('x'));
    await Promise.all(Array.from({ length: 20 }, () => shared?.noteContent(content)));
    await shared?.close();
    expect(await other).toMatchObject({ isUnchanged: false, wanted: [0] });
  });

  it('go to the next build when the one that fills them fails', async () => {
    const first = await contexts.take('id', [file('a')], ALONE);
    const second = contexts.take('id', [file('a')], ALONE);
    await first?.close();
    expect(await second).toMatchObject({ isUnchanged: false, wanted: [0] });
  });

  it('lose no file outside of them through a link', async () => {
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'stays');
    const files = [directory('d'), file('d/file')];
    await build(files);
    const [name = ''] = readdirSync(join(dir, 'build/kept'));
    rmSync(join(dir, 'build/kept', name, 'files/d'), { recursive: true });
    symlinkSync(outside, join(dir, 'build/kept', name, 'files/d'));
    await (await contexts.take('id', [], ALONE))?.close();
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('stays');
  });
});
