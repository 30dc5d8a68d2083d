/** Engine methods about images: the archives of load, import and build come as streams. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ImageBuildOptions,
  ImageBuildRequest,
  ImageImportOptions,
  ImageImportRequest,
  ImageLoadRequest,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildMessage } from '../build/build-input.ts';
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
      const { options, messages } = await openBuild(requests);
      yield* builder.build(options, messages, signal);
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

interface OptionsArm<Options> {
  readonly $case: 'options';
  readonly value: Options;
}

/** The options that a call begins with, and what comes after them. */
interface Opened<Options, Message> {
  readonly options: Options;
  readonly messages: AsyncIterable<Message>;
}

async function openImport(requests: AsyncIterable<ImageImportRequest>) {
  const { options, messages } = await open<ImageImportOptions, DataArm>('ImageImport', messagesOf(requests));
  return { options, data: valuesOf(messages) };
}

interface DataArm {
  readonly $case: 'data';
  readonly value: Buffer;
}

async function* valuesOf(messages: AsyncIterable<DataArm>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { value } of messages) yield value;
}

function openBuild(requests: AsyncIterable<ImageBuildRequest>): Promise<Opened<ImageBuildOptions, BuildMessage>> {
  return open<ImageBuildOptions, BuildMessage>('ImageBuild', messagesOf(requests));
}

async function* messagesOf<Message>(
  requests: AsyncIterable<{ readonly message?: Message | undefined }>,
): AsyncGenerator<Message, void, undefined> {
  for await (const { message } of requests) {
    // An arm that a newer client knows: nothing it could mean is lost on an archive.
    if (message !== undefined) yield message;
  }
}

async function open<Options, Message extends { readonly $case: string }>(
  method: string,
  messages: AsyncGenerator<OptionsArm<Options> | Message, void, undefined>,
): Promise<Opened<Options, Message>> {
  const first = await messages.next();
  if (first.done === true || !isOptions(first.value)) {
    throw new GantryError('INVALID_ARGUMENT', `${method} must be sent its options first`);
  }
  return { options: first.value.value, messages: afterOptions(method, messages) };
}

async function* afterOptions<Options, Message extends { readonly $case: string }>(
  method: string,
  messages: AsyncIterable<OptionsArm<Options> | Message>,
): AsyncGenerator<Message, void, undefined> {
  for await (const message of messages) {
    if (isOptions(message)) throw new GantryError('INVALID_ARGUMENT', `${method} was sent options twice`);
    yield message;
  }
}

function isOptions<Options, Message extends { readonly $case: string }>(
  message: OptionsArm<Options> | Message,
): message is OptionsArm<Options> {
  return message.$case === 'options';
}
