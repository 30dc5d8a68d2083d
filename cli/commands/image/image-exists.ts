/** Whether an image is there, asked before anything is made of it. */
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, isGantryError } from '../../failure.ts';

export async function imageExists(engine: EngineClient, reference: string): Promise<boolean> {
  try {
    await ask(engine, engine.imageInspect, { reference });
    return true;
  } catch (error) {
    if (isGantryError(error) && (error.code === 'IMAGE_NOT_FOUND' || error.code === 'NOT_FOUND')) return false;
    throw error;
  }
}

/** What to do when it isn't. */
export function missingImageHint(image: string): string {
  return `pull it with 'gantry pull ${image}', or build it with 'gantry build -t ${image} DIR'`;
}

/** Rejects when it isn't. */
export async function requireImage(cli: Cli, image: string): Promise<void> {
  if (await withClient(EngineClient, cli, (engine) => imageExists(engine, image))) return;
  throw new CliError(`no such image "${image}"`, { hint: missingImageHint(image) });
}
