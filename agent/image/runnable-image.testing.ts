/** An image that could be run, for tests of what only asks whether there is one. */
import { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { hostPlatform } from '../platform/host-platform.ts';
import type { RunnableImage } from './images.ts';

export function runnableImage(): RunnableImage {
  const id = `sha256:${'a'.repeat(64)}` as Digest;
  const { os, architecture } = hostPlatform();
  return { id, name: 'web:latest', config: ImageConfig.create(), os, architecture };
}
