/** What tests of the addon work in: a directory that each has for itself, gone after it with what is mounted in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { native } from './native.ts';

export const isRoot = process.getuid?.() === 0;
const MNT_DETACH = 2;

interface Workplace {
  readonly directory: string;
  /** Unmounted after the test, the last first. */
  readonly mounts: string[];
  /** A directory in it, with these files; gives back its path. */
  make(name: string, files?: Readonly<Record<string, string>>): string;
  /** A network namespace; gives back the path it is bound to. */
  makeNetns(name?: string): Promise<string>;
}

/** To be called at the top of a test file. */
export function useWorkplace(): Workplace {
  let directory = '';
  const mounts: string[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-native-'));
  });
  afterEach(async () => {
    for (const target of mounts.splice(0).reverse()) await native.unmount(target, MNT_DETACH);
    rmSync(directory, { recursive: true });
  });
  return {
    get directory() {
      return directory;
    },
    mounts,
    make: (name, files = {}) => {
      const path = join(directory, name);
      mkdirSync(path);
      for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
      return path;
    },
    makeNetns: async (name = 'netns') => {
      const path = join(directory, name);
      await native.createNetns(path);
      mounts.push(path);
      return path;
    },
  };
}
