/** What --build-context names: images, and files that stages take as if they were an image's. */
import { GantryError } from '../../proto/errors.ts';
import { canonicalName, parseReference, withDefaultTag } from '../../proto/image-reference.ts';
import type { CopyJob } from '../image/layer/copy.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import type { Lease } from '../image/lease.ts';
import { cacheKey } from './build-cache.ts';
import type { BuildContext, BuildContexts } from './build-context.ts';
import type { BuildInput } from './build-input.ts';
import type { BuildProgress } from './build-progress.ts';
import type { LayerSteps } from './layer-steps.ts';
import { LAYOUT_SCHEME, type LayoutImages } from './layout-images.ts';
import type { StepResult } from './stage-state.ts';

export type NamedContext =
  | { readonly kind: 'image'; readonly reference: string }
  /** Of a tar that is sent, or a URL. */
  | { readonly kind: 'files'; readonly name: string };

export const IMAGE_SCHEME = 'docker-image://';

/** By lower-case name. `sources` as in ImageBuildOptions; `layouts`: images of those that were sent as layouts. */
export function namedContexts(
  sources: Readonly<Record<string, string>>,
  layouts: ReadonlyMap<string, string>,
): ReadonlyMap<string, NamedContext> {
  const entries = Object.entries(sources).map(([name, source]): [string, NamedContext] => {
    const layout = layouts.get(name);
    if (layout !== undefined) return [name.toLowerCase(), { kind: 'image', reference: layout }];
    if (!source.startsWith(IMAGE_SCHEME)) return [name.toLowerCase(), { kind: 'files', name }];
    return [name.toLowerCase(), { kind: 'image', reference: source.slice(IMAGE_SCHEME.length) }];
  });
  return new Map(entries);
}

/** The one that a FROM or --from means: by the name itself, or by the image that it is the name of. */
export function findNamedContext(contexts: ReadonlyMap<string, NamedContext>, name: string): NamedContext | undefined {
  if (contexts.size === 0) return undefined;
  const exact = contexts.get(name.toLowerCase());
  if (exact !== undefined) return exact;
  const image = imageName(name);
  return [...contexts].find(([known]) => image !== undefined && imageName(known) === image)?.[1];
}

function imageName(text: string): string | undefined {
  try {
    return canonicalName(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (error instanceof GantryError && error.code === 'INVALID_ARGUMENT') return undefined;
    throw error;
  }
}

export interface NamedFilesParts {
  readonly steps: LayerSteps;
  readonly workers: LayerWorkers;
  readonly progress: BuildProgress;
  readonly lease: Lease;
  /** See LayerStep. */
  readonly sourceTimeMs: number | undefined;
}

/** The files of named contexts, of one build. */
export class NamedFiles {
  readonly #contexts = new Map<string, BuildContext>();
  readonly #layers = new Map<string, Promise<StepResult>>();

  /** Receives what is sent and fetches the others, whose URLs are `sources`. To be removed, also if this throws. */
  async receive(
    sources: Readonly<Record<string, string>>,
    input: BuildInput,
    { contexts, layouts }: { readonly contexts: BuildContexts; readonly layouts: LayoutImages },
    signal: AbortSignal,
  ): Promise<void> {
    const sent = new Set(Object.keys(sources).filter((name) => ['', LAYOUT_SCHEME].includes(sources[name] ?? '')));
    for await (const [name, archive] of input.namedContexts(sent)) {
      if (sources[name] === LAYOUT_SCHEME) {
        await layouts.receive(name, archive, signal);
        continue;
      }
      const context = await contexts.receive(archive, signal);
      this.#contexts.set(name, context);
      await context.applyIgnoreFile(['.dockerignore']);
    }
    for (const [name, source] of Object.entries(sources)) {
      if (sent.has(name) || source.startsWith(IMAGE_SCHEME)) continue;
      this.#contexts.set(name, await contexts.fetch(source, signal));
    }
  }

  /** The one layer that has its files, made when it is first asked for; without files there is none. */
  layer(name: string, parts: NamedFilesParts): Promise<StepResult> {
    const known = this.#layers.get(name) ?? this.#makeLayer(name, parts);
    this.#layers.set(name, known);
    return known;
  }

  async remove(): Promise<void> {
    for (const context of this.#contexts.values()) await context.remove();
  }

  async #makeLayer(name: string, parts: NamedFilesParts): Promise<StepResult> {
    const context = this.#contexts.get(name);
    if (context === undefined) throw new GantryError('INTERNAL', `the context ${name} has not come`);
    const { steps, workers, progress, lease, sourceTimeMs } = parts;
    const scanned = await workers.run({
      ...{ kind: 'scan', root: context.root, patterns: ['/'], excludes: [], owners: 'keep', layout: 'names' },
    });
    const title = { place: `context ${name}`, text: 'load' };
    const key = cacheKey('CONTEXT', scanned.digest, sourceTimeMs ?? null);
    const entry = await steps.run({
      ...{ chain: [], useCache: true, lease, sourceTimeMs, cached: () => progress.cached(title) },
      key,
      perform: (work) =>
        progress.step(title, () =>
          work(async (targetRoot) => {
            await workers.run<CopyJob>({
              ...{ kind: 'copy', sourceRoot: context.root, sources: scanned.sources, targetRoot, destination: '' },
              ...{ intoDirectory: true, owner: undefined, mode: undefined, excludes: [] },
            });
          }),
        ),
    });
    return { ...entry, key };
  }
}
