/** A builder over stores in a scratch directory, with a small `busybox` image. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { GantryError } from '../../../proto/errors.ts';
import { ImageBuildOptions } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../../proto/ids.ts';
import { familiarName } from '../../../proto/image-reference.ts';
import type { ImageRecord } from '../../image/image-index.ts';
import { inPieces, makeTar, type TestEntry, TestStores } from '../../image/testing/fixtures.ts';
import { type Platform, platformName } from '../../platform/platform.ts';
import type { ClusterBuilds } from '../build-call.ts';
import type { BuildMessage } from '../build-input.ts';
import { ImageBuilder } from '../image-builder.ts';
import { makeBusyboxRoot } from './busybox-root.ts';
import { ChrootRunner } from './chroot-runner.ts';

/** Contexts as clients send them. */
export async function* messagesOf(context: Buffer, named: Named = {}): AsyncGenerator<BuildMessage> {
  for await (const value of inPieces(context)) yield { $case: 'data', value };
  for (const [name, files] of Object.entries(named)) {
    for await (const data of inPieces(makeTar([...files]))) yield { $case: 'namedData', value: { name, data } };
  }
}

/** Files of named contexts that are sent. */
type Named = Readonly<Record<string, readonly TestEntry[]>>;

export interface Built {
  readonly id: string;
  readonly steps: readonly { readonly text: string; readonly place: string; readonly cached: boolean }[];
  readonly output: string;
  /** RULE:LINE */
  readonly warnings: readonly string[];
  /** The files' tar, if it was asked for. */
  readonly archive: Buffer;
}

const NEVER = new AbortController().signal;

export class BuilderFixture {
  readonly stores = new TestStores();
  runner = new ChrootRunner();
  builder: ImageBuilder;
  /** A root file system's tar. */
  readonly busybox: Buffer;
  /** What registries have, and what was asked of them. */
  readonly registry = new Map<string, Buffer>();
  readonly brought: string[] = [];
  /** What other hosts have built; none: this one is in no cluster. */
  cluster: ClusterBuilds | undefined;
  /** Images of registries, as archives. */
  readonly archives = new Map<string, Buffer>();
  /** Caches that were pushed. */
  readonly caches = new Map<string, ImageRecord>();
  /** Of the last build that failed. */
  excerpt = '';

  private constructor(busybox: Buffer | undefined) {
    this.builder = this.#makeBuilder();
    this.busybox = busybox ?? this.#packBusybox();
  }

  /** On the base image of another one, or on one of its own. */
  static async open(busybox?: Buffer): Promise<BuilderFixture> {
    const fixture = new BuilderFixture(busybox);
    await fixture.stores.open();
    await fixture.builder.open();
    await fixture.#import('busybox', fixture.busybox, ['ENV PATH=/bin', 'CMD ["sh"]']);
    return fixture;
  }

  async dispose(): Promise<void> {
    await this.stores.dispose();
  }

  /** As after a restart. */
  async openBuilder(): Promise<void> {
    this.runner = new ChrootRunner();
    this.builder = this.#makeBuilder();
    await this.builder.open();
  }

  async build(
    dockerfile: string,
    files: readonly TestEntry[] = [],
    options: Partial<ImageBuildOptions> = {},
    signal: AbortSignal = NEVER,
    named: Named = {},
  ): Promise<Built> {
    const context = makeTar([{ name: 'Dockerfile', data: dockerfile }, ...files]);
    const steps: Built['steps'][number][] = [];
    let id = '';
    let output = '';
    const request = ImageBuildOptions.create({
      ...options,
      namedContexts: { ...options.namedContexts, ...Object.fromEntries(Object.keys(named).map((name) => [name, ''])) },
    });
    const archive: Buffer[] = [];
    const warnings: Built['warnings'][number][] = [];
    for await (const { message } of this.builder.build(request, messagesOf(context, named), signal)) {
      if (message?.$case === 'step') {
        const { text, place, cached } = message.value;
        steps.push({ text, place, cached });
      } else if (message?.$case === 'output') output += message.value.toString();
      else if (message?.$case === 'stepOutput') output += message.value.data.toString();
      else if (message?.$case === 'imageId') id = message.value;
      else if (message?.$case === 'files' || message?.$case === 'cacheFiles') archive.push(message.value);
      else if (message?.$case === 'warning') warnings.push(`${message.value.rule}:${message.value.line}`);
      else if (message?.$case === 'excerpt') this.excerpt = message.value;
    }
    return { id, steps, output, warnings, archive: Buffer.concat(archive) };
  }

  /** Of a Dockerfile and OCI layouts by the names that it has for them. */
  async buildOn(dockerfile: string, layouts: Readonly<Record<string, Buffer>>): Promise<Pick<Built, 'id' | 'output'>> {
    const namedContexts = Object.fromEntries(Object.keys(layouts).map((name) => [name, 'oci-layout:']));
    let id = '';
    let output = '';
    const messages = async function* (): AsyncGenerator<BuildMessage> {
      yield* messagesOf(makeTar([{ name: 'Dockerfile', data: dockerfile }]));
      for (const [name, archive] of Object.entries(layouts)) {
        for await (const data of inPieces(archive)) yield { $case: 'namedData', value: { name, data } };
      }
    };
    const request = ImageBuildOptions.create({ namedContexts });
    for await (const { message } of this.builder.build(request, messages(), NEVER)) {
      if (message?.$case === 'imageId') id = message.value;
      else if (message?.$case === 'stepOutput') output += message.value.data.toString();
    }
    return { id, output };
  }

  async withRootfs<T>(id: string, look: (root: string) => T): Promise<T> {
    const { snapshots, images, dir } = this.stores;
    const root = join(dir, 'look');
    await snapshots.prepare('look', images.find(id).id);
    await snapshots.mount('look', root, 'durable');
    try {
      return look(root);
    } finally {
      await snapshots.unmount(root);
      await snapshots.remove('look');
    }
  }

  #packBusybox(): Buffer {
    const root = join(this.stores.dir, 'busybox');
    makeBusyboxRoot(root);
    return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 1 << 26 });
  }

  #makeBuilder(): ImageBuilder {
    const { dir, images, snapshots } = this.stores;
    return new ImageBuilder({
      cluster: () => this.cluster,
      ...{ dir, images, snapshots, runner: this.runner },
      bases: {
        bring: async (reference, _credentials, tell, _signal, _order, platform) => {
          this.brought.push(reference);
          const { images } = this.stores;
          const archive = this.archives.get(reference);
          if (archive !== undefined) {
            const [id = ''] = await images.load(inPieces(archive));
            await images.tag(id, reference);
            return images.find(reference).manifestDigest;
          }
          const known = this.registry.get(reference);
          const forPlatform = platform && this.registry.get(`${reference} for ${platformName(platform)}`);
          // As a registry's index has it: beside what the name stands for here.
          if (forPlatform !== undefined && platform !== undefined) return await this.#importFor(forPlatform, platform);
          if (known === undefined) throw new GantryError('IMAGE_NOT_FOUND', `manifest for ${reference} not found`);
          await this.#import(reference, known, ['ENV PATH=/bin']);
          tell(`Status: Downloaded newer image for ${reference}`);
          return images.find(reference).manifestDigest;
        },
      },
      cacheTarget: {
        put: async (record, reference) => void this.caches.set(familiarName(reference), record),
      },
      clock: () => this.stores.now++,
      random: randomBytes,
      bootId: 'this boot',
      logger: pino({ level: 'silent' }),
    });
  }

  async #importFor(tar: Buffer, platform: Platform): Promise<Digest> {
    const options = { reference: '', changes: ['ENV PATH=/bin'], message: '', platform: platformName(platform) };
    return this.stores.images.find(await this.stores.images.import(inPieces(tar), options)).manifestDigest;
  }

  async #import(reference: string, tar: Buffer, changes: readonly string[]): Promise<void> {
    await this.stores.images.import(inPieces(tar), { reference, changes: [...changes], message: '', platform: '' });
  }
}
