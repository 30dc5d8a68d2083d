/** Pulls an image through the daemon, showing how far it is. */
import { responses } from '../../proto/client.ts';
import type { EngineClient, ImagePulled, PullOrder } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, write } from '../cli.ts';
import { credentialsForImage } from './credentials.ts';
import { TransferDisplay } from './transfer-display.ts';

export interface PullImageOptions {
  readonly reference: string;
  readonly platform: string;
  readonly allTags: boolean;
  readonly quiet: boolean;
  readonly order: PullOrder;
  /** Where it is shown. */
  readonly stream: Cli['stdout'];
}

/** Each tag that was pulled. Rejects with the daemon's error. */
export async function pullImage(engine: EngineClient, cli: Cli, options: PullImageOptions): Promise<ImagePulled[]> {
  const { reference, platform, allTags, quiet, order, stream } = options;
  const credentials = await credentialsForImage(cli, reference);
  const display = new TransferDisplay(stream, 'pull', quiet);
  const say = (line: string) => (quiet ? Promise.resolve() : write(stream, `${line}\n`));
  const pulled: ImagePulled[] = [];
  for await (const { message } of responses(engine.imagePull({ reference, platform, allTags, credentials, order }))) {
    if (message?.$case === 'pulling') await say(`${message.value.version}: Pulling from ${message.value.repository}`);
    else if (message?.$case === 'progress') display.show(message.value);
    else if (message?.$case === 'pulled') {
      display.end();
      pulled.push(message.value);
      const { digest, isNew, name } = message.value;
      await say(`Digest: ${digest}`);
      await say(`Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${name}`);
    }
  }
  return pulled;
}
