/** Calls whose first message has options, and whose others are a stream. */
import { GantryError } from '../../proto/errors.ts';

interface OptionsArm<Options> {
  readonly $case: 'options';
  readonly value: Options;
}

/** The options that a call begins with, and what comes after them. */
export interface Opened<Options, Message> {
  readonly options: Options;
  readonly messages: AsyncIterable<Message>;
}

export async function* messagesOf<Message>(
  requests: AsyncIterable<{ readonly message?: Message | undefined }>,
): AsyncGenerator<Message, void, undefined> {
  for await (const { message } of requests) {
    // An arm that a newer client knows: nothing it could mean is lost on an archive.
    if (message !== undefined) yield message;
  }
}

/** Throws INVALID_ARGUMENT for a call that begins otherwise. `method` is its name. */
export async function openMessages<Options, Message extends { readonly $case: string }>(
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

export interface DataArm {
  readonly $case: 'data';
  readonly value: Buffer;
}

export async function* valuesOf(messages: AsyncIterable<DataArm>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { value } of messages) yield value;
}
