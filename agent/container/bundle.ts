/** The bundle of a container on disk: config.json beside the mounted root file system. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ContainerPaths } from './container-paths.ts';
import type { OciSpec } from './spec/oci.ts';
import { serializeSpec } from './spec/serialize.ts';

/** Not synced and not renamed: the bundle is only read after the write, and is made anew at each start. */
export function writeBundle(paths: ContainerPaths, spec: OciSpec): void {
  writeFileSync(paths.config, serializeSpec(spec), { mode: 0o600 });
}

/** What the container was last started with. */
export function readBundle(paths: ContainerPaths): OciSpec {
  return JSON.parse(readFileSync(paths.config, 'utf8')) as OciSpec;
}
