/** --metadata-file of `build`: what became of it, under the names that buildx gives it. */
import type { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { familiarRepository, parseReference } from '../../proto/image-reference.ts';
import { ask } from '../connection.ts';

/** `names` are the image's own; without any it has no digest that a registry would know it by. */
export async function buildMetadata(engine: EngineClient, id: string, names: readonly string[]): Promise<string> {
  const [name] = names;
  const digest = name === undefined ? undefined : await digestOf(engine, name);
  const fields = {
    'containerimage.config.digest': id,
    ...(digest === undefined ? {} : { 'containerimage.digest': digest }),
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** What the image is pushed and pulled by. */
async function digestOf(engine: EngineClient, name: string): Promise<string | undefined> {
  const { image } = await ask(engine, engine.imageInspect, { reference: name, platform: '' });
  const prefix = `${familiarRepository(parseReference(name))}@`;
  return image?.digests.find((digest) => digest.startsWith(prefix))?.slice(prefix.length);
}
