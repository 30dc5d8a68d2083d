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
import { shortId } from '../image/image-lookup.ts';
import type { Images } from '../image/images.ts';
import type { EngineParts, ImageHandlers } from './api.ts';
import { type DataArm, messagesOf, type Opened, openMessages, valuesOf } from './opened-call.ts';

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
    async imageInspect({ reference, platform }) {
      return { image: await images.inspect(reference, platform) };
    },
    async imageRemove({ reference, force }) {
      const used = await containersByImage(containers);
      if (force) await refuseRunning(images, containers, reference);
      return images.remove(reference, { force, isUsed: (id) => used.get(id) });
    },
    async imageTag({ source, target }) {
      await images.tag(source, target);
      return {};
    },
    async imagePin({ reference }) {
      return await images.pin(reference);
    },
    async imageLoad(requests, signal) {
      return { loaded: await images.load(archiveOf(requests), signal) };
    },
    async imageImport(requests, signal) {
      const { options, data } = await openImport(requests);
      return { id: await images.import(data, options, signal) };
    },
    async *imageSave({ references, platform }) {
      if (references.length === 0) throw new GantryError('INVALID_ARGUMENT', 'ImageSave must be sent references');
      for await (const data of images.save(references, platform)) yield { data };
    },
    async imageHistory({ reference, platform }) {
      return { entries: await images.history(reference, platform) };
    },
    async imagePrune({ all, filters }) {
      const used = await containersByImage(containers);
      return await images.prune({ all, filters }, (id) => used.has(id));
    },
    async buildCachePrune({ all, filters, keepBytes }) {
      return await builder.pruneCache({ all, filters, keepBytes });
    },
    async buildKnown(request) {
      return builder.known(request);
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

/**
 * By its id an image isn't removed from under a container that runs, not even with force: `rmi -f` of all images would take the
 * names of those that are needed. Throws IN_USE; whether there is such an image is seen later.
 */
async function refuseRunning(images: Images, containers: Containers, reference: string): Promise<void> {
  const found = await images.resolve(reference).catch(() => undefined);
  if (found === undefined || found.name !== found.id) return;
  const all = await containers.list({ all: false, filters: [] });
  const user = all.find(({ imageId }) => imageId === found.id);
  if (user === undefined) return;
  const id = shortId(found.id);
  throw new GantryError(
    'IN_USE',
    `unable to delete ${id} (cannot be forced): running container ${user.name} is using it`,
    {
      hint: `stop the container first, or remove a name of the image`,
    },
  );
}

async function* archiveOf(requests: AsyncIterable<ImageLoadRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { data } of requests) yield data;
}

async function openImport(requests: AsyncIterable<ImageImportRequest>) {
  const { options, messages } = await openMessages<ImageImportOptions, DataArm>('ImageImport', messagesOf(requests));
  return { options, data: valuesOf(messages) };
}

function openBuild(requests: AsyncIterable<ImageBuildRequest>): Promise<Opened<ImageBuildOptions, BuildMessage>> {
  return openMessages<ImageBuildOptions, BuildMessage>('ImageBuild', messagesOf(requests));
}
