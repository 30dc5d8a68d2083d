/** Pushes an image from the engine's host to its registry, and shows how far that is. */
import type { WriteStream } from 'node:tty';
import { responses } from '../../proto/client.ts';
import type { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, write } from '../cli.ts';
import { credentialsForImage } from './credentials.ts';
import { TransferDisplay } from './transfer-display.ts';

export interface PushRequest {
  readonly reference: string;
  readonly allTags: boolean;
  /** Of several only this one; empty: all. */
  readonly platform?: string;
  /** Only the names of what was pushed are shown. */
  readonly quiet: boolean;
  readonly stream: WriteStream;
}

/** Rejects with the engine's error. */
export async function pushImage(engine: EngineClient, cli: Cli, request: PushRequest): Promise<void> {
  const { reference, allTags, platform = '', quiet, stream } = request;
  const credentials = await credentialsForImage(cli, reference);
  const display = new TransferDisplay(stream, 'push', quiet);
  const say = (line: string) => write(stream, `${line}\n`);
  let repository = '';
  for await (const { message } of responses(engine.imagePush({ reference, allTags, platform, credentials }))) {
    if (message?.$case === 'pushing') {
      repository = message.value.repository;
      if (!quiet) await say(`The push refers to repository [${repository}]`);
    } else if (message?.$case === 'progress') display.show(message.value);
    else if (message?.$case === 'pushed') {
      display.end();
      const { tag, digest, sizeBytes } = message.value;
      await say(quiet ? `${repository}:${tag}` : `${tag}: digest: ${digest} size: ${sizeBytes}`);
    }
  }
}
