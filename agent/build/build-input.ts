/** What a client sends to a build, taken apart: its contexts one after the other, then what its SSH agents say. */
import { GantryError } from '../../proto/errors.ts';
import type { ContextFile, ImageBuildRequest } from '../../proto/generated/gantry/v1/engine.ts';
import { checkListing } from './context-listing.ts';

/** A context with more can't be unpacked, either. */
const MAX_FILES = 2_000_000;

/** After the options. */
export type BuildMessage = Exclude<NonNullable<ImageBuildRequest['message']>, { $case: 'options' }>;
export type SshMessage = Extract<BuildMessage, { $case: 'ssh' }>['value'];

export class BuildInput {
  readonly #messages: AsyncIterator<BuildMessage, void>;
  /** Read, and not yet taken. */
  #ahead: BuildMessage | undefined;

  constructor(messages: AsyncIterable<BuildMessage>) {
    this.#messages = messages[Symbol.asyncIterator]() as AsyncIterator<BuildMessage, void>;
  }

  /** Of the client's directory, before its tar. Throws INVALID_ARGUMENT when it doesn't come, or isn't a listing. */
  async listing(): Promise<ContextFile[]> {
    const files: ContextFile[] = [];
    for (;;) {
      const next = await this.#peek();
      if (next?.$case !== 'listing') throw unexpected('the listing of the context was not sent');
      this.#ahead = undefined;
      for (const file of next.value.files) files.push(file);
      if (files.length > MAX_FILES) throw unexpected(`the context has more than ${MAX_FILES} files`);
      if (next.value.last) break;
    }
    checkListing(files);
    return files;
  }

  /** The context's tar. To be read to its end before anything else. */
  async *context(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let next = await this.#peek(); next?.$case === 'data'; next = await this.#peek()) {
      this.#ahead = undefined;
      yield next.value;
    }
  }

  /**
   * Those of the names that are sent, in the order that they come in, each to be read to its end. Throws
   * INVALID_ARGUMENT for one that isn't asked for.
   */
  async *namedContexts(names: ReadonlySet<string>): AsyncGenerator<readonly [string, AsyncIterable<Uint8Array>]> {
    const left = new Set(names);
    while (left.size > 0) {
      const next = await this.#peek();
      if (next?.$case !== 'namedData') throw unexpected(`the context ${[...left].join(', ')} was not sent`);
      const { name } = next.value;
      if (!left.delete(name)) throw unexpected(`the context ${name} was sent and is not among the options`);
      yield [name, this.#named(name)];
    }
  }

  /** Until the client ends its side. */
  async *sshMessages(): AsyncGenerator<SshMessage, void, undefined> {
    for (let next = await this.#peek(); next !== undefined; next = await this.#peek()) {
      this.#ahead = undefined;
      if (next.$case === 'ssh') yield next.value;
      else if (next.$case !== 'contextsSent') throw unexpected('a context was sent after its time');
    }
  }

  async *#named(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    for (let next = await this.#peek(); next?.$case === 'namedData'; next = await this.#peek()) {
      if (next.value.name !== name) return;
      this.#ahead = undefined;
      yield next.value.data;
    }
  }

  async #peek(): Promise<BuildMessage | undefined> {
    this.#ahead ??= (await this.#messages.next()).value ?? undefined;
    return this.#ahead;
  }
}

function unexpected(message: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `ImageBuild: ${message}`);
}
