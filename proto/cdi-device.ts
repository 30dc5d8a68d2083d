/** Names of devices that a host describes for containers. Source: Container Device Interface specification, "kind" and "name". */

const NAME =
  /^(?<kind>[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\/[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)=(?<device>[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?)$/;

export interface CdiName {
  /** VENDOR/CLASS: "nvidia.com/gpu" */
  readonly kind: string;
  /** "0", "all" */
  readonly device: string;
}

/** "nvidia.com/gpu=0"; undefined: it is none. */
export function parseCdiName(text: string): CdiName | undefined {
  const { kind, device } = NAME.exec(text)?.groups ?? {};
  return kind === undefined || device === undefined ? undefined : { kind, device };
}

/** As NVIDIA's tools write them, and Docker asks for them where no other vendor is named. */
const DEFAULT_GPU = 'nvidia.com/gpu';
export const ALL_GPUS = `${DEFAULT_GPU}=all`;

/** The CDI name of a GPU by that name, or by its number or id; undefined: it can be none. */
export function gpuName(id: string): string | undefined {
  return [id, `${DEFAULT_GPU}=${id}`].find((name) => parseCdiName(name) !== undefined);
}
