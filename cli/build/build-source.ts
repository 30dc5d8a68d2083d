/** What `build` is given to build: a directory, a tar or a Dockerfile on standard input, or a URL. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { isUrl } from '../download.ts';
import { CliError, EXIT, fileReason } from '../failure.ts';
import { openInput } from '../input.ts';
import { type DockerfilePlace, locateDockerfile } from './context.ts';
import { type DirectoryContext, directoryContext } from './context-changes.ts';

export interface BuildSource {
  /** Path in the context; empty: Dockerfile. */
  readonly dockerfile: string;
  /** The Dockerfile itself, when it isn't in the context. */
  readonly dockerfileText: string;
  /** Empty: what is sent. */
  readonly contextUrl: string;
  readonly context: SentContext;
}

/** A tar, or a directory. */
export type SentContext =
  | { readonly kind: 'tar'; readonly data: AsyncIterable<Buffer> }
  | { readonly kind: 'directory'; readonly directory: DirectoryContext };

const MAX_DOCKERFILE_BYTES = 2 << 20;
/** Two blocks of zeros: a tar of nothing. */
const EMPTY_TAR = Buffer.alloc(1024);

/** `file` is -f. Throws for what can't be read. */
export async function openBuildSource(cli: Cli, place: string, file: string | undefined): Promise<BuildSource> {
  if (place === '-') return await fromInput(cli, file);
  if (isRemotePlace(place)) {
    return { dockerfile: file ?? '', dockerfileText: '', contextUrl: remoteUrl(place), context: tar(noFiles()) };
  }
  const directory = resolve(cli.cwd, place);
  checkDirectory(directory, place);
  if (file === '-') {
    const dockerfileText = await readDockerfile(openInput(cli, '-', 'pipe the Dockerfile in'));
    return { dockerfile: '', dockerfileText, contextUrl: '', context: inDirectory(cli, directory, { kind: 'none' }) };
  }
  const located = await locateDockerfile(cli.cwd, directory, file);
  const dockerfile = located.kind === 'inside' ? located.path : '';
  const dockerfileText = located.kind === 'outside' ? located.text : '';
  return { dockerfile, dockerfileText, contextUrl: '', context: inDirectory(cli, directory, located) };
}

function isRemotePlace(place: string): boolean {
  return isUrl(place) || /^git@/.test(place) || GITHUB.test(place);
}

/** A repository as Docker lets it be written: "github.com/owner/name#branch:directory". */
const GITHUB = /^github\.com\/([^/#?]+\/[^/#?]+?)(?:\.git)?([#?].*)?$/;

function remoteUrl(place: string): string {
  const [, repository, fragment = ''] = GITHUB.exec(place) ?? [];
  return repository === undefined ? place : `https://github.com/${repository}.git${fragment}`;
}

/** A directory or URL with a Dockerfile that isn't in it. Throws for what can't be read. */
export async function openInlineSource(cli: Cli, place: string, dockerfileText: string): Promise<BuildSource> {
  if (isRemotePlace(place)) return { ...(await openBuildSource(cli, place, undefined)), dockerfileText };
  const directory = resolve(cli.cwd, place);
  checkDirectory(directory, place);
  return { dockerfile: '', dockerfileText, contextUrl: '', context: inDirectory(cli, directory, { kind: 'none' }) };
}

function checkDirectory(directory: string, place: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(directory).isDirectory();
  } catch (error) {
    throw new CliError(`cannot build ${place}: ${fileReason(error)}`, { hint: 'name the directory to build from' });
  }
  if (!isDirectory) throw new CliError(`${place} is not a directory`, { hint: 'name the directory to build from' });
}

/** A tar of the context, or a Dockerfile that needs none. */
async function fromInput(cli: Cli, file: string | undefined): Promise<BuildSource> {
  if (file === '-') {
    throw new CliError("context and Dockerfile can't both come from standard input", { exitCode: EXIT.refused });
  }
  const input = openInput(cli, '-', "pipe a tar of the context in, or a Dockerfile: 'tar c . | gantry build -'");
  const iterator = input[Symbol.asyncIterator]();
  const first = await readStart(iterator);
  const all = resume(first, iterator);
  if (isArchive(first)) return { dockerfile: file ?? '', dockerfileText: '', contextUrl: '', context: tar(all) };
  if (file !== undefined) {
    throw new CliError('what comes on standard input is no tar', { hint: 'leave out -f to build a Dockerfile alone' });
  }
  return { dockerfile: '', dockerfileText: await readDockerfile(all), contextUrl: '', context: tar(noFiles()) };
}

function tar(data: AsyncIterable<Buffer>): SentContext {
  return { kind: 'tar', data };
}

function inDirectory({ nowMs }: Cli, directory: string, dockerfile: DockerfilePlace): SentContext {
  return { kind: 'directory', directory: directoryContext(directory, dockerfile, nowMs) };
}

async function* noFiles(): AsyncGenerator<Buffer> {
  yield EMPTY_TAR;
}

async function readDockerfile(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.length;
    if (bytes > MAX_DOCKERFILE_BYTES) throw new CliError('the Dockerfile on standard input is too large');
    chunks.push(chunk);
  }
  if (bytes === 0) throw new CliError('nothing came on standard input', { hint: 'pipe a Dockerfile in' });
  return Buffer.concat(chunks).toString();
}

const HEADER_BYTES = 512;

async function readStart(iterator: AsyncIterator<Buffer>): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < HEADER_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

async function* resume(start: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** A tar's header is padded with zeros, and what is compressed begins with bytes that no text has. */
function isArchive(start: Buffer): boolean {
  const text = start.subarray(0, HEADER_BYTES);
  return text.includes(0) || [0x1f, 0x28, 0xfd].includes(text[0] ?? 0) || text.subarray(0, 3).toString() === 'BZh';
}
