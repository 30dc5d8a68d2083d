/** Image archives for tests, as other tools write them. */
import { zstdCompressSync } from 'node:zlib';
import { digestOf } from '../content-store.ts';
import { BLOCK_SIZE, checksum } from '../tar/header.ts';
import { makeTar, type TestEntry } from './fixtures.ts';

/** An image as tests write it; its layers are tars. */
export interface TestImage {
  readonly layers: readonly Buffer[];
  readonly names?: readonly string[];
  readonly config?: Record<string, unknown>;
  readonly created?: string;
}

export function configOf({ layers, config = {}, created }: TestImage): Buffer {
  const diff_ids = layers.map((layer) => digestOf(layer));
  return Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', created, config, rootfs: { type: 'layers', diff_ids } }),
  );
}

/** As `docker save` wrote it before version 25. */
export function dockerArchive(images: readonly TestImage[]): Buffer {
  const entries: TestEntry[] = [];
  const manifest = images.map((image) => {
    const config = configOf(image);
    const Config = `${digestOf(config).slice(7)}.json`;
    const Layers = image.layers.map((layer) => `${digestOf(layer).slice(7)}/layer.tar`);
    entries.push({ name: Config, data: config });
    for (const [index, layer] of image.layers.entries()) entries.push({ name: Layers[index] ?? '', data: layer });
    return { Config, Layers, RepoTags: image.names ?? null };
  });
  return makeTar([...entries, { name: 'manifest.json', data: JSON.stringify(manifest) }]);
}

/** A layer of one file of so many zeros, which takes some seconds to write, in a thousandth of a per cent of that. */
export function compressedZeros(size: number): Buffer {
  const header = makeTar([{ name: 'zeros' }]).subarray(0, BLOCK_SIZE);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148);
  const zeros = zstdCompressSync(Buffer.alloc(1 << 20));
  return Buffer.concat([zstdCompressSync(header), ...Array.from({ length: size / 2 ** 20 }, () => zeros)]);
}
