/** Engine methods about images: the archives of load, import and build come as streams. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ImageBuildOptions,
  ImageBuildRequest,
  ImageImportOptions,
  ImageImportRequest,
  ImageLoadRequest,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Containers } from '../container/containers.ts';
import type { EngineParts, ImageHandlers } from './api.ts';

export function imageHandlers({
  images,
  containers,
  builder,
  registries,
}: Pick<EngineParts, 'images' | 'containers' | 'builder' | 'registries'>): ImageHandlers {
  return {
    async imageList({ filters }) {
      return { images: await images.list({ filters }) };
    },
    async imageInspect({ reference }) {
      return { image: await images.inspect(reference) };
    },
    async imageRemove({ reference, force }) {
      const used = await containersByImage(containers);
      return images.remove(reference, { force, isUsed: (id) => used.get(id) });
    },
    async imageTag({ source, target }) {
      await images.tag(source, target);
      return {};
    },
    async imageLoad(requests, signal) {
      return { loaded: await images.load(archiveOf(requests), signal) };
    },
    async imageImport(requests) {
      const { options, data } = await openImport(requests);
      return { id: await images.import(data, options) };
    },
    async *imageSave({ references }) {
      if (references.length === 0) throw new GantryError('INVALID_ARGUMENT', 'ImageSave must be sent references');
      for await (const data of images.save(references)) yield { data };
    },
    async imageHistory({ reference }) {
      return { entries: await images.history(reference) };
    },
    async imagePrune({ all, filters }) {
      const used = await containersByImage(containers);
      return await images.prune({ all, filters }, (id) => used.has(id));
    },
    async buildCachePrune({ all, filters, keepBytes }) {
      return await builder.pruneCache({ all, filters, keepBytes });
    },
    async *imageBuild(requests, signal) {
      const { options, data } = await openBuild(requests);
      yield* builder.build(options, data, signal);
    },
    imagePull(request, signal) {
      return registries.pull(request, signal);
    },
    imagePush(request, signal) {
      return registries.push(request, signal);
    },
    async distributionInspect(request, signal) {
      return await registries.inspect(request, signal);
    },
    async registryLogin({ registry, credentials }, signal) {
      if (credentials === undefined)
        throw new GantryError('INVALID_ARGUMENT', 'RegistryLogin must be sent credentials');
      await registries.login(registry, credentials, signal);
      return {};
    },
  };
}

/** Image id to the name of a container made from it. */
async function containersByImage(containers: Containers): Promise<Map<string, string>> {
  const all = await containers.list({ all: true, filters: [] });
  return new Map(all.map(({ imageId, name }) => [imageId, name]));
}

async function* archiveOf(requests: AsyncIterable<ImageLoadRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { data } of requests) yield data;
}

interface Opened<Options> {
  readonly options: Options;
  readonly data: AsyncIterable<Uint8Array>;
}

type OpenedRequest<Options> = { readonly $case: 'options'; value: Options } | { readonly $case: 'data'; value: Buffer };

function openImport(requests: AsyncIterable<ImageImportRequest>): Promise<Opened<ImageImportOptions>> {
  return open('ImageImport', messagesOf(requests));
}

function openBuild(requests: AsyncIterable<ImageBuildRequest>): Promise<Opened<ImageBuildOptions>> {
  return open('ImageBuild', messagesOf(requests));
}

async function* messagesOf<Message>(
  requests: AsyncIterable<{ readonly message?: Message | undefined }>,
): AsyncGenerator<Message, void, undefined> {
  for await (const { message } of requests) {
    // An arm that a newer client knows: nothing it could mean is lost on an archive.
    if (message !== undefined) yield message;
  }
}

async function open<Options>(
  method: string,
  messages: AsyncGenerator<OpenedRequest<Options>, void, undefined>,
): Promise<Opened<Options>> {
  const first = await messages.next();
  if (first.done === true || first.value.$case !== 'options') {
    throw new GantryError('INVALID_ARGUMENT', `${method} must be sent its options first`);
  }
  return { options: first.value.value, data: dataOf(method, messages) };
}

async function* dataOf<Options>(
  method: string,
  messages: AsyncIterable<OpenedRequest<Options>>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const message of messages) {
    if (message.$case === 'options') throw new GantryError('INVALID_ARGUMENT', `${method} was sent options twice`);
    yield message.value;
  }
}
