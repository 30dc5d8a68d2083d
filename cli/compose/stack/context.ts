/** What the converters of a stack's services know beside the service. */
import type { ConfigSpec, NetworkSpec, SecretSpec, VolumeSpec } from '../../../proto/generated/gantry/v1/types.ts';
import type { Model } from '../model/normalize.ts';
import type { Source } from '../source/load-source.ts';
import type { LinkAliases, NetworkNames } from './links.ts';

export const STACK_LABEL = 'com.docker.stack.namespace';

/** A resource by the name it has in the compose file. */
export interface Resource<Spec> {
  /** As the cluster names it. */
  readonly fullName: string;
  /** Undefined: external, it exists already. */
  readonly spec: Spec | undefined;
}

export type Resources<Spec> = ReadonlyMap<string, Resource<Spec>>;

/** Of services that don't say: `docker compose` restarts none, stacks restart all. */
export type RestartDefault = 'none' | 'any';

export interface ProjectContext {
  readonly model: Model;
  readonly directory: string;
  readonly lookupFor: Source['lookupFor'];
  /** Undefined when there is no such file. Throws GantryError for other reasons. */
  readonly readBytes: (path: string) => Uint8Array | undefined;
  /** Undefined: any. */
  readonly defaultRestart?: RestartDefault | undefined;
}

export interface StackContext extends ProjectContext {
  readonly networks: Resources<NetworkSpec>;
  readonly volumes: Resources<VolumeSpec>;
  readonly configs: Resources<ConfigSpec>;
  readonly secrets: Resources<SecretSpec>;
  readonly links: LinkAliases;
  readonly names: NetworkNames;
}

export interface ServiceContext extends StackContext {
  /** Name in the file. */
  readonly service: string;
}
