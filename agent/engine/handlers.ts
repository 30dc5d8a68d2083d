/** The whole Engine API, put together from its subjects. */
import type { EngineHandlers, EngineParts } from './api.ts';
import { containerHandlers } from './container-handlers.ts';
import { imageHandlers } from './image-handlers.ts';
import { networkHandlers } from './network-handlers.ts';
import { systemHandlers } from './system-handlers.ts';

export function createEngineHandlers(parts: EngineParts): EngineHandlers {
  return {
    ...containerHandlers(parts.containers),
    ...imageHandlers(parts),
    ...networkHandlers(parts),
    ...systemHandlers(parts),
  };
}
