/** Where images come from that this host doesn't have, for those who need one. */
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';

/** Who is asked first what a tag stands for. */
export type ImageOrder = 'registry first' | 'cluster first';

export interface ImageSource {
  /** Brings an image to this host; `tell` gets lines for the user. */
  bring(
    reference: string,
    credentials: RegistryCredentials | undefined,
    tell: (line: string) => void,
    signal: AbortSignal,
    order: ImageOrder,
  ): Promise<void>;
}
