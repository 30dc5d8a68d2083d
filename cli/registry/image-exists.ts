/** Whether an image is there, asked before anything is made of it. */
import type { EngineClient, Image } from '../../proto/generated/gantry/v1/engine.ts';
import { ask } from '../connection.ts';
import { isGantryError } from '../failure.ts';

/** `platform`: empty for whatever it stands for. */
export async function imageExists(engine: EngineClient, reference: string, platform = ''): Promise<boolean> {
  return (await findImage(engine, reference, platform)) !== undefined;
}

/** Undefined: it isn't there. */
export async function findImage(engine: EngineClient, reference: string, platform = ''): Promise<Image | undefined> {
  try {
    return (await ask(engine, engine.imageInspect, { reference, platform })).image;
  } catch (error) {
    if (isGantryError(error) && (error.code === 'IMAGE_NOT_FOUND' || error.code === 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What to do when it isn't. */
export function missingImageHint(image: string, { message }: Error): string {
  return `pull it with 'gantry pull ${image}', or build it with 'gantry build -t ${image} DIR' (${message})`;
}
