/** Where the instructions of a stage find files: in the context, other stages, images, and far away. */

import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest } from '../../proto/ids.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { BaseImages } from './base-images.ts';
import type { BuildContext } from './build-context.ts';
import { type BuildPlan, findSource, type Stage, type StageBase } from './build-plan.ts';
import type { BuildProgress } from './build-progress.ts';
import type { CopyPlan, CopySource } from './copy-step.ts';
import type { Instruction } from './dockerfile.ts';
import type { Downloads } from './downloads.ts';
import type { LayerSteps } from './layer-steps.ts';
import type { NamedFiles } from './named-contexts.ts';
import { checkOut } from './remote-files.ts';
import { type RemoteSource, urlFileName } from './remote-source.ts';
import type { StageState, StepResult } from './stage-state.ts';
import type { FileSource } from './step-mounts.ts';

export interface StageFilesParts {
  readonly images: ImageStore;
  /** Keeps what the build is made from, and what it gives, until the image has them. */
  readonly lease: Lease;
  readonly bases: BaseImages;
  readonly steps: LayerSteps;
  readonly plan: BuildPlan;
  readonly context: BuildContext;
  readonly progress: BuildProgress;
  readonly signal: AbortSignal;
  readonly namedFiles: NamedFiles;
  readonly downloads: Downloads;
  /** Files are taken from where they may change unseen. */
  readonly onRemoteFiles: () => void;
  /** See LayerStep. */
  readonly sourceTimeMs: number | undefined;
  /** A stage when it is built, by its index. */
  readonly stage: (index: number) => Promise<StageState>;
}

export class StageFiles {
  readonly #parts: StageFilesParts;
  readonly #stage: Stage;

  constructor(parts: StageFilesParts, stage: Stage) {
    this.#parts = parts;
    this.#stage = stage;
  }

  /** The files of a stage or image, by what the instruction calls it: of triggers, what the plan doesn't know. */
  async source(name: string, instruction: Instruction): Promise<FileSource> {
    const { plan } = this.#parts;
    const known = this.#stage.sources.get(name)?.base;
    const places = { stages: plan.stages.slice(0, this.#stage.index), contexts: plan.contexts };
    const chain = await this.#chainOf(known ?? findSource(places, name, instruction));
    return { identity: chain.join(' '), use: (work) => this.#parts.steps.withRootfs(chain, work) };
  }

  /** Where COPY takes its files. */
  async withRoot<T>(
    from: string | undefined,
    instruction: Instruction,
    work: (root: string) => Promise<T>,
  ): Promise<T> {
    if (from === undefined) return await work(this.#parts.context.root);
    return await (await this.source(from, instruction)).use(work);
  }

  /** What ADD takes from elsewhere. Throws as downloadFile and checkOut. */
  async fetch(remote: RemoteSource, plan: CopyPlan): Promise<CopySource> {
    const { progress, context, images, downloads, signal, onRemoteFiles } = this.#parts;
    onRemoteFiles();
    const text = remote.kind === 'url' ? remote.url : remote.repository;
    const directory = context.scratch();
    await mkdir(directory);
    const [root, pattern] = await progress.step({ place: 'internal', text: `fetch ${text}` }, async () => {
      if (remote.kind === 'git') {
        const { checksum, keepGitDir } = plan;
        return [await checkOut({ source: remote, checksum, keepGitDir, directory }, signal), ''];
      }
      const name = plan.intoDirectory ? urlFileName(remote.url) : basename(plan.destination);
      await downloads.fetch({ url: remote.url, checksum: plan.checksum, file: join(directory, name) }, signal);
      return [directory, name];
    });
    const job = { kind: 'scan', root, patterns: [escaped(pattern)], owners: 'ignore', layout: 'names' } as const;
    const scanned = await images.workers.run({ ...job, excludes: plan.excludes });
    return { kind: 'remote', root, scanned, keepOwners: false };
  }

  /** For the stage's platform. */
  async image(reference: string, tell?: (line: string) => void): Promise<ImageRecord> {
    const { bases, lease, progress } = this.#parts;
    const record = await bases.ensure(reference, this.#stage.platform, tell ?? ((line) => progress.tell(line)));
    lease.keepImage(record);
    return record;
  }

  /** Of a named context. */
  async namedLayer(name: string): Promise<StepResult> {
    const { namedFiles, steps, images, progress, lease, sourceTimeMs } = this.#parts;
    return await namedFiles.layer(name, { steps, progress, lease, sourceTimeMs, workers: images.workers });
  }

  async #chainOf(base: StageBase): Promise<readonly Digest[]> {
    if (base.kind === 'stage') return (await this.#parts.stage(base.index)).chain;
    if (base.kind === 'scratch') return [];
    if (base.kind === 'files') {
      const { layer } = await this.namedLayer(base.name);
      return layer === undefined ? [] : [layer.chainId];
    }
    return (await this.image(base.reference)).chainIds;
  }
}

/** A name, of which nothing is a wildcard. */
export function escaped(name: string): string {
  return name.replaceAll(/[*?[\\]/g, '\\$&');
}
