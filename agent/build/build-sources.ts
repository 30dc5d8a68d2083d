/** What one build is made from besides its Dockerfile's images: what the client sends, or names by a URL. */
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { BuildContext, BuildContexts } from './build-context.ts';
import { BuildInput, type BuildMessage, type SshMessage } from './build-input.ts';
import { LayoutImages } from './layout-images.ts';
import { NamedFiles } from './named-contexts.ts';
import { SshForwarding } from './ssh-forwarding.ts';

export interface BuildSources {
  readonly context: BuildContext;
  readonly named: NamedFiles;
  readonly layouts: LayoutImages;
  readonly ssh: SshForwarding;
  remove(): Promise<void>;
}

export interface SourceParts {
  readonly contexts: BuildContexts;
  readonly images: ImageStore;
  /** What comes after the options. */
  readonly messages: AsyncIterable<BuildMessage>;
  /** To the client's SSH agents. */
  readonly sendSsh: (message: SshMessage) => void;
  /** Indexes in the listing of files that the client is to send. */
  readonly sendWanted: (indexes: readonly number[]) => void;
  readonly signal: AbortSignal;
}

/** Once this resolves all files are here. The caller removes them. */
export async function openSources(options: ImageBuildOptions, parts: SourceParts): Promise<BuildSources> {
  const { messages, sendSsh, contexts, images, signal } = parts;
  const input = new BuildInput(messages);
  const context = await openContext(options, input, parts);
  const named = new NamedFiles();
  const layouts = new LayoutImages(images);
  const remove = async (): Promise<void> => {
    await named.remove();
    await layouts.remove();
    await context.remove();
  };
  try {
    await named.receive(options.namedContexts, input, { contexts, layouts }, signal);
  } catch (error) {
    await remove();
    throw error;
  }
  const ssh = new SshForwarding(options.sshIds, sendSsh);
  // It ends with the call. When that breaks off, the build is cancelled, which is said elsewhere.
  if (options.sshIds.length > 0) ssh.run(input.sshMessages()).catch(() => undefined);
  return { context, named, layouts, ssh, remove };
}

async function openContext(
  { contextUrl, contextId, reuse }: ImageBuildOptions,
  input: BuildInput,
  { contexts, sendWanted, signal }: SourceParts,
): Promise<BuildContext> {
  if (contextId !== '') {
    const ask = (wanted: readonly number[]) => {
      sendWanted(wanted);
      return input.context();
    };
    // One that is to be known again needs the files to be kept.
    const whenOther = reuse ? 'wait' : 'without';
    return await contexts.update(contextId, await input.listing(), ask, { whenOther, signal });
  }
  if (contextUrl === '') return await contexts.receive(input.context(), signal);
  // Nothing is sent then, but an archive of nothing may be.
  for await (const _ of input.context());
  return await contexts.fetch(contextUrl, signal);
}
