/** An image made without a network, the same in every run, as an OCI layout: gzip layers over busybox. */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../../../agent/image/tar/encoder.ts';
import type { TarHeader } from '../../../agent/image/tar/header.ts';
import { output } from '../../lab/command.ts';
import { type ContentFile, ContentSource } from './image-content.ts';

export interface ImageSize {
  readonly layers: number;
  /** Of all files together. */
  readonly bytes: number;
  readonly files: number;
}

export interface MadeImage {
  /** As skopeo names it. */
  readonly layout: string;
  /** Of its compressed layers. */
  readonly compressedBytes: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Shares of the bytes, and of the files: some layers are a few large files, others many small ones. */
const BYTES = [25, 20, 15, 10, 8, 7, 6, 4, 3, 2];
const FILES = [20, 15, 5, 25, 15, 5, 6, 4, 4, 1];
/** As registries and Docker's push have it. */
const GZIP_LEVEL = 6;
const MTIME = 1_700_000_000;
const MEDIA = 'application/vnd.oci.image';

/** `directory` is made. */
export async function makeImage(directory: string, { layers, bytes, files }: ImageSize): Promise<MadeImage> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const source = new ContentSource();
  const base = await busybox();
  const [byteShares, fileShares] = [shares(BYTES, layers), shares(FILES, layers)];
  const makeLayer = async (index: number) => {
    const count = Math.max(1, Math.round(files * (fileShares[index] ?? 0)));
    const content = source.files(`opt/layer${index}`, count, Math.floor(bytes * (byteShares[index] ?? 0)), index + 2);
    return await writeLayer(blobs, join(directory, `layer${index}`), tarOf(index === 0 ? base : [], content));
  };
  // Two at once: compressing is what takes the time, and has threads of its own.
  const made: { descriptor: Descriptor; diffId: string }[] = [];
  for (let index = 0; index < layers; index += 2) {
    const pair = [index, index + 1].filter((one) => one < layers);
    made.push(...(await Promise.all(pair.map(makeLayer))));
  }
  await writeManifest(directory, blobs, made);
  const compressedBytes = made.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  return { layout: `oci:${directory}:bench`, compressedBytes };
}

function shares(weights: readonly number[], count: number): number[] {
  const used = Array.from({ length: count }, (_, index) => weights[index % weights.length] ?? 1);
  const all = used.reduce((sum, weight) => sum + weight, 0);
  return used.map((weight) => weight / all);
}

async function writeLayer(blobs: string, path: string, tar: Iterable<Buffer>) {
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  let size = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      packed.update(chunk);
      done(null, chunk);
    },
  });
  const source = Readable.from(hashed(tar, plain), { objectMode: false });
  await pipeline(source, createGzip({ level: GZIP_LEVEL }), counted, createWriteStream(path));
  const digest = packed.digest('hex');
  await rename(path, join(blobs, digest));
  const descriptor = { mediaType: `${MEDIA}.layer.v1.tar+gzip`, digest: `sha256:${digest}`, size };
  return { descriptor, diffId: `sha256:${plain.digest('hex')}` };
}

function* hashed(chunks: Iterable<Buffer>, hash: Hash): Generator<Buffer> {
  for (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** What RUN steps need, as a tar's entries. */
async function busybox(): Promise<Buffer[]> {
  const program = await readFile((await output(['sh', '-c', 'command -v busybox'])).trim());
  const applets = (await output(['busybox', '--list'])).split('\n').filter((name) => !['', 'busybox'].includes(name));
  const passwd = Buffer.from('root:x:0:0:root:/root:/bin/sh\n');
  return [
    ...['bin', 'etc', 'root'].map((name) => headerFor(name, 'directory', 0o755, 0)),
    headerFor('tmp', 'directory', 0o1777, 0),
    ...[headerFor('etc/passwd', 'file', 0o644, passwd.length), passwd, padding(passwd.length)],
    ...[headerFor('bin/busybox', 'file', 0o755, program.length), program, padding(program.length)],
    ...applets.map((name) => headerFor(`bin/${name}`, 'symlink', 0o777, 0, 'busybox')),
  ];
}

function* tarOf(first: readonly Buffer[], files: Iterable<ContentFile>): Generator<Buffer> {
  yield* first;
  const made = new Set<string>();
  for (const { path, mode, data } of files) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const directory = parts.slice(0, depth).join('/');
      if (made.has(directory)) continue;
      made.add(directory);
      yield headerFor(directory, 'directory', 0o755, 0);
    }
    const chunks = [...data()];
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    yield headerFor(path, 'file', mode, size);
    yield* chunks;
    yield padding(size);
  }
  yield END_OF_ARCHIVE;
}

function headerFor(name: string, type: TarHeader['type'], mode: number, size: number, linkName = ''): Buffer {
  const own = { uid: 0, gid: 0, mtime: MTIME, deviceMajor: 0, deviceMinor: 0, linkName, xattrs: new Map() };
  return encodeHeader({ name, type, mode, size, ...own });
}

async function writeManifest(
  directory: string,
  blobs: string,
  layers: readonly { descriptor: Descriptor; diffId: string }[],
): Promise<void> {
  const put = async (mediaType: string, value: unknown): Promise<Descriptor> => {
    const data = Buffer.from(JSON.stringify(value));
    const hex = createHash('sha256').update(data).digest('hex');
    await writeFile(join(blobs, hex), data);
    return { mediaType, digest: `sha256:${hex}`, size: data.length };
  };
  const created = new Date(MTIME * 1000).toISOString();
  const config = await put(`${MEDIA}.config.v1+json`, {
    ...{ architecture: 'amd64', os: 'linux', created },
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created, created_by: `layer ${index + 1}` })),
  });
  const manifestType = `${MEDIA}.manifest.v1+json`;
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifest = await put(manifestType, {
    ...{ schemaVersion: 2, mediaType: manifestType, config },
    layers: descriptors,
  });
  const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'bench' } };
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}
