import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeTaskFiles } from './task-files.ts';

describe('secrets and configs of a container', () => {
  const file = { target: '/run/secrets/token', data: Buffer.from('secret'), uid: 0, gid: 0, mode: 0o400 };
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-task-files-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** The options that their tmpfs is mounted with. */
  async function mountOptions(kernelRelease: string): Promise<string> {
    const options: (string | null)[] = [];
    const native = {
      mount: async (
        _source: string | null,
        _target: string,
        _type: string | null,
        _flags: number,
        data: string | null,
      ) => {
        options.push(data);
      },
    };
    await writeTaskFiles(native, { kernelRelease }, directory, [file]);
    return options.join();
  }

  it('lie in files of their own, with their mode', async () => {
    await mountOptions('6.18.0');
    expect(readFileSync(join(directory, '0'), 'utf8')).toBe('secret');
    expect(statSync(join(directory, '0')).mode & 0o777).toBe(0o400);
  });

  it('stay out of swap where the kernel can do that, and ask no older one for it', async () => {
    expect(await mountOptions('6.4.0-1-amd64')).toMatch(/^size=\d+,mode=0700,noswap$/);
    rmSync(join(directory, '0'));
    expect(await mountOptions('6.1.0-56-cloud-amd64')).toMatch(/^size=\d+,mode=0700$/);
  });
});
