/**
 * Compose files as people have them, each folder a project: its files, `options.json` where it needs a shell's variables or
 * flags, and `expected.json`, which is what `stack config --format json` must say of it, or `refused.txt`. A cluster can run each of them, or says
 * for each key why not (`deploys: false` in the options). With GANTRY_RECORD=1 the files are written: read the difference.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { loadStack } from '../load-stack.ts';
import { loadModel, type ModelOptions } from '../model/load-model.ts';
import { renderModel } from '../model/render.ts';
import { withUsedResources } from '../model/select.ts';

interface CaseOptions {
  readonly files?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly envFiles?: readonly string[];
  readonly profiles?: readonly string[];
  readonly projectName?: string;
  /** False: something in it may be refused by a cluster. */
  readonly deploys?: false;
}

const CORPUS = import.meta.dirname;
const CASES = readdirSync(CORPUS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Each project lies at /project, wherever the checkout is. */
function readBytes(name: string, path: string): Uint8Array | undefined {
  const inProject = /^\/project\/(.*)$/.exec(path)?.[1];
  const file = join(CORPUS, name, inProject ?? '');
  return inProject === undefined || !existsSync(file) ? undefined : readFileSync(file);
}

function given(name: string): CaseOptions {
  const bytes = readBytes(name, '/project/options.json');
  return bytes === undefined ? {} : (JSON.parse(Buffer.from(bytes).toString('utf8')) as CaseOptions);
}

function optionsOf(name: string): ModelOptions {
  const own = given(name);
  return {
    files: own.files ?? [],
    projectName: own.projectName,
    projectDirectory: undefined,
    envFiles: own.envFiles ?? [],
    profiles: own.profiles ?? [],
    interpolates: true,
    normalizes: true,
    resolvesPaths: true,
    checksConsistency: true,
    readsFiles: true,
    workingDirectory: '/project',
    env: { HOME: '/home/me', ...own.env },
    readBytes: (path) => readBytes(name, path),
  };
}

type Result = { readonly model: unknown } | { readonly refused: string };

function resultOf(name: string): Result {
  try {
    return { model: JSON.parse(renderModel(withUsedResources(loadModel(optionsOf(name)).model), 'json', true)) };
  } catch (error) {
    if (error instanceof GantryError) return { refused: `${error.message}\n` };
    throw error;
  }
}

/** Leaves what says the same as it is: it is formatted. */
function record(name: string, result: Result): void {
  if (isRecorded(name) && isDeepStrictEqual(result, expectedOf(name))) return;
  const files = { model: join(CORPUS, name, 'expected.json'), refused: join(CORPUS, name, 'refused.txt') };
  rmSync(files.model, { force: true });
  rmSync(files.refused, { force: true });
  if ('model' in result) writeFileSync(files.model, `${JSON.stringify(result.model, null, 2)}\n`);
  else writeFileSync(files.refused, result.refused);
}

function isRecorded(name: string): boolean {
  return ['expected.json', 'refused.txt'].some((file) => existsSync(join(CORPUS, name, file)));
}

function expectedOf(name: string): Result {
  const model = readBytes(name, '/project/expected.json');
  if (model !== undefined) return { model: JSON.parse(Buffer.from(model).toString('utf8')) };
  return { refused: readFileSync(join(CORPUS, name, 'refused.txt'), 'utf8') };
}

/** What a deploy is refused with; undefined: it isn't. */
function clusterRefuses(name: string): string | undefined {
  try {
    loadStack({ ...optionsOf(name), stackName: optionsOf(name).projectName });
    return undefined;
  } catch (error) {
    if (error instanceof GantryError) return error.message;
    throw error;
  }
}

describe('the corpus', () => {
  it('has as many projects as it should', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(60);
  });

  it.each(CASES)('%s', (name) => {
    const result = resultOf(name);
    if (process.env.GANTRY_RECORD === '1') record(name, result);
    expect(result).toEqual(expectedOf(name));
  });

  it.each(CASES)('%s, deployed', (name) => {
    const refused = clusterRefuses(name);
    if (given(name).deploys !== false) expect(refused).toBeUndefined();
    for (const line of refused?.split('\n') ?? []) expect(line).toMatch(/^\S+:\d+:\d+: [^:]+: .+; .+$/);
  });
});
