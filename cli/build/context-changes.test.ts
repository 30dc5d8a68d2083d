import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ContextFile } from '../../proto/generated/gantry/v1/engine.ts';
import { directoryContext } from './context-changes.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-changes-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function list(nowMs: number): Promise<Map<string, ContextFile>> {
  const found = new Map<string, ContextFile>();
  for await (const { files } of directoryContext(directory, { kind: 'none' }, () => nowMs).listing()) {
    for (const file of files) found.set(file.name, file);
  }
  return found;
}

it('tells a file from the one that was there, although size and times are the same', async () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'old');
  utimesSync(path, 1, 1);
  const before = (await list(Date.now())).get('file');
  rmSync(path);
  writeFileSync(join(directory, 'between'), '');
  writeFileSync(path, 'new');
  utimesSync(path, 1, 1);
  const after = (await list(Date.now())).get('file');
  expect(after).toMatchObject({ size: before?.size, changedAtMs: before?.changedAtMs, mode: before?.mode });
  expect(after?.stamp).not.toBe(before?.stamp);
});

it('says of files that have just changed that they may again, also if they seem to be older', async () => {
  writeFileSync(join(directory, 'file'), 'x');
  utimesSync(join(directory, 'file'), 1, 1);
  mkdirSync(join(directory, 'd'));
  symlinkSync('file', join(directory, 'link'));
  const unsettled = async (nowMs: number) =>
    [...(await list(nowMs))].flatMap(([name, file]) => (file.unsettled ? [name] : []));
  const now = Date.now();
  expect(await unsettled(now)).toEqual(['file']);
  expect(await unsettled(now - 60_000)).toEqual(['file']);
  expect(await unsettled(now + 60_000)).toEqual([]);
});
