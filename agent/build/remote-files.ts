/** Brings {@link RemoteSource}s into a directory: by HTTP with this host's proxies, or with its git. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createSecureContext, getCACertificates } from 'node:tls';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { resolveInRoot } from '../container/root-files.ts';
import { type HttpResponse, HttpTransport } from '../registry/http-transport.ts';
import { proxyFor } from '../registry/proxy.ts';
import { runProgram } from './program.ts';
import type { Checksum, RemoteSource } from './remote-source.ts';

/** How long nothing may come from a server. */
const STALL_MS = 30_000;
const MAX_BYTES = 16 * 2 ** 30;
/** Neither files of this host nor what a submodule might name as a program. */
const GIT_ENVIRONMENT = { GIT_ALLOW_PROTOCOL: 'http:https:ssh:git', GIT_TERMINAL_PROMPT: '0' };

export interface Download {
  readonly url: string;
  readonly checksum: Checksum | undefined;
  /** File to be made, with mode 0600 and the server's time of the last change. */
  readonly file: string;
}

/** What tells one state of a file from another; empty for what the server doesn't say. */
export interface Version {
  readonly etag: string;
  readonly lastModified: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * `known` is what is here already: the server is asked for a newer one, and then nothing may be made. Throws
 * UNAVAILABLE, NOT_FOUND, INVALID_ARGUMENT (too large, wrong checksum), CANCELLED; the caller removes the file.
 */
export async function downloadFile(
  download: Download,
  known: Version | undefined,
  signal: AbortSignal,
): Promise<'unchanged' | (Version & { readonly sizeBytes: number })> {
  const { url, checksum, file } = download;
  using transport = new HttpTransport({
    host: new URL(url).host,
    verify: true,
    contextFor: () => createSecureContext({ ca: getCACertificates('system').concat(getCACertificates('bundled')) }),
    proxyFor: (target) => proxyFor(target, process.env),
    stallMs: STALL_MS,
  });
  const headers = conditions(known);
  const response = await transport.send({ method: 'GET', url: new URL(url), headers, signal });
  if (response.status === 304 && Object.keys(headers).length > 0) {
    response.discard();
    return 'unchanged';
  }
  if (response.status !== 200) {
    response.discard();
    const code = response.status === 404 || response.status === 410 ? 'NOT_FOUND' : 'UNAVAILABLE';
    throw new GantryError(code, `downloading ${url}: the server answers ${response.status}`);
  }
  const hash = createHash('sha256');
  const output = createWriteStream(file, { mode: 0o600 });
  await pipeline(bounded(response, url, hash), output, { signal });
  const sha256 = hash.digest('hex');
  if (checksum !== undefined && checksum.hex !== sha256) throw wrongChecksum(download, sha256);
  const { etag = '', 'last-modified': lastModified = '' } = response.headers;
  const changed = Date.parse(lastModified);
  if (Number.isFinite(changed)) await utimes(file, changed / 1000, Math.max(0, changed / 1000));
  return { etag, lastModified, sha256, sizeBytes: output.bytesWritten };
}

/** Source: RFC 9110, section 13.1. */
function conditions(known: Version | undefined): Record<string, string> {
  if (known === undefined) return {};
  if (known.etag !== '') return { 'if-none-match': known.etag };
  return known.lastModified === '' ? {} : { 'if-modified-since': known.lastModified };
}

export function wrongChecksum({ url, checksum }: Download, sha256: string): GantryError {
  const message = `downloading ${url}: its digest is sha256:${sha256}, not sha256:${checksum?.hex}`;
  return new GantryError('INVALID_ARGUMENT', message);
}

async function* bounded(
  { body }: HttpResponse,
  url: string,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Buffer> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > MAX_BYTES)
      throw new GantryError('INVALID_ARGUMENT', `downloading ${url}: more than ${MAX_BYTES} bytes`);
    hash.update(chunk);
    yield chunk;
  }
}

export interface Checkout {
  readonly source: Extract<RemoteSource, { kind: 'git' }>;
  readonly checksum: Checksum | undefined;
  readonly keepGitDir: boolean;
  /** Directory to be made. */
  readonly directory: string;
}

/** The directory that the source names. Throws UNSUPPORTED without git, NOT_FOUND, UNAVAILABLE, CANCELLED. */
export async function checkOut(request: Checkout, signal: AbortSignal): Promise<string> {
  const { source, checksum, directory } = request;
  await mkdir(directory, { recursive: true });
  const git = async (...args: string[]) =>
    await runProgram('git', ['-C', directory, ...args], { signal, env: GIT_ENVIRONMENT });
  try {
    await git('init', '--quiet');
    await git('remote', 'add', 'origin', source.repository);
    await git('checkout', '--quiet', '--detach', await fetchRef(git, source.ref === '' ? 'HEAD' : source.ref));
    await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1');
    const commit = (await git('rev-parse', 'HEAD')).trim();
    if (checksum !== undefined && !commit.startsWith(checksum.hex)) {
      throw new GantryError('INVALID_ARGUMENT', `its commit is ${commit}, not ${checksum.hex}`);
    }
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    throw new GantryError(error.code, `cloning ${source.repository}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
  if (!request.keepGitDir) await rm(join(directory, '.git'), { recursive: true, force: true });
  return await subdirectory(directory, source.directory);
}

/** What to check out: one commit if the server gives it away alone, otherwise its history, or all that there is, among which it must be. */
async function fetchRef(git: (...args: string[]) => Promise<string>, ref: string): Promise<string> {
  try {
    await git('fetch', '--quiet', '--depth=1', 'origin', ref);
  } catch (error) {
    if (toGantryError(error).code === 'CANCELLED') throw error;
    if (!/^[0-9a-f]{7,64}$/.test(ref)) {
      await git('fetch', '--quiet', 'origin', ref);
      return 'FETCH_HEAD';
    }
    await git('fetch', '--quiet', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*');
    const commit = await git('rev-parse', '--verify', `${ref}^{commit}`);
    return commit.trim();
  }
  return 'FETCH_HEAD';
}

async function subdirectory(root: string, path: string): Promise<string> {
  if (path === '') return root;
  const found = resolveInRoot(root, path);
  const stats = await lstat(found).catch(() => undefined);
  if (stats?.isDirectory()) return found;
  throw new GantryError('NOT_FOUND', `there is no directory ${path} in the repository`);
}
