/**
 * What a vendor's file says of its devices: which changes of a container give it one. Pure.
 * Source: Container Device Interface specification 1.0, SPEC.md.
 */
import { GantryError } from '../../../proto/errors.ts';
import type { OciHook, OciHooks } from '../spec/oci.ts';

export interface CdiNode {
  readonly path: string;
  /** On the host */
  readonly hostPath: string;
  /** Some of "rwm" */
  readonly permissions: string;
  /** Unset: the host's. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options: readonly string[];
}

export interface CdiEdits {
  /** KEY=VALUE */
  readonly env: readonly string[];
  readonly nodes: readonly CdiNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: OciHooks;
  readonly groups: readonly number[];
}

export interface CdiSpec {
  /** VENDOR/CLASS */
  readonly kind: string;
  /** For whichever of its devices. */
  readonly edits: CdiEdits;
  readonly devices: ReadonlyMap<string, CdiEdits>;
}

export const NO_EDITS: CdiEdits = { env: [], nodes: [], mounts: [], hooks: {}, groups: [] };

const KNOWN = new Set(['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids']);
const HOOKS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const;

/** `document`: as parsed from the file. Throws CORRUPT for one that isn't such a file, UNSUPPORTED for edits that can't be made. */
export function parseCdiSpec(path: string, document: unknown): CdiSpec {
  const reader = new Reader(path);
  const root = reader.object(document, 'the file');
  const devices = reader.list(root.devices, 'devices').map((item): [string, CdiEdits] => {
    const device = reader.object(item, 'a device');
    return [reader.text(device.name, 'name'), readEdits(reader, device.containerEdits)];
  });
  return {
    kind: reader.text(root.kind, 'kind'),
    edits: readEdits(reader, root.containerEdits),
    devices: new Map(devices),
  };
}

function readEdits(reader: Reader, value: unknown): CdiEdits {
  if (value === undefined || value === null) return NO_EDITS;
  const edits = reader.object(value, 'containerEdits');
  const other = Object.keys(edits).find((key) => !KNOWN.has(key));
  if (other !== undefined) throw reader.unsupported(other);
  return {
    env: reader.texts(edits.env, 'env'),
    nodes: reader.list(edits.deviceNodes, 'deviceNodes').map((item) => readNode(reader, item)),
    mounts: reader.list(edits.mounts, 'mounts').map((item) => readMount(reader, item)),
    hooks: readHooks(reader, edits.hooks),
    groups: reader.list(edits.additionalGids, 'additionalGids').map((gid) => reader.number(gid, 'additionalGids')),
  };
}

function readNode(reader: Reader, item: unknown): CdiNode {
  const node = reader.object(item, 'a device node');
  const path = reader.text(node.path, 'path');
  return {
    path,
    hostPath: node.hostPath === undefined ? path : reader.text(node.hostPath, 'hostPath'),
    permissions: node.permissions === undefined ? 'rwm' : reader.text(node.permissions, 'permissions'),
    mode: reader.optionalNumber(node.fileMode, 'fileMode'),
    uid: reader.optionalNumber(node.uid, 'uid'),
    gid: reader.optionalNumber(node.gid, 'gid'),
  };
}

function readMount(reader: Reader, item: unknown): CdiMount {
  const mount = reader.object(item, 'a mount');
  const type = mount.type === undefined ? 'bind' : reader.text(mount.type, 'type');
  if (type !== 'bind' && type !== '') throw reader.unsupported(`a mount of type ${type}`);
  return {
    hostPath: reader.text(mount.hostPath, 'hostPath'),
    containerPath: reader.text(mount.containerPath, 'containerPath'),
    options: reader.texts(mount.options, 'options'),
  };
}

function readHooks(reader: Reader, value: unknown): OciHooks {
  const hooks: { [Name in (typeof HOOKS)[number]]?: OciHook[] } = {};
  for (const item of reader.list(value, 'hooks')) {
    const hook = reader.object(item, 'a hook');
    const name = HOOKS.find((one) => one === hook.hookName);
    if (name === undefined) throw reader.unsupported(`the hook ${String(hook.hookName)}`);
    const timeout = reader.optionalNumber(hook.timeout, 'timeout');
    hooks[name] = [
      ...(hooks[name] ?? []),
      {
        path: reader.text(hook.path, 'path'),
        args: reader.texts(hook.args, 'args'),
        env: reader.texts(hook.env, 'env'),
        ...(timeout === undefined ? {} : { timeout }),
      },
    ];
  }
  return hooks;
}

/** All of both; what is set later wins where there can be one. */
export function mergeEdits(all: readonly CdiEdits[]): CdiEdits {
  const hooks: { [Name in (typeof HOOKS)[number]]?: readonly OciHook[] } = {};
  for (const name of HOOKS) {
    const ofName = all.flatMap((edits) => edits.hooks[name] ?? []);
    if (ofName.length > 0) hooks[name] = ofName;
  }
  return {
    env: all.flatMap(({ env }) => env),
    nodes: all.flatMap(({ nodes }) => nodes),
    mounts: [...new Map(all.flatMap(({ mounts }) => mounts).map((one) => [one.containerPath, one])).values()],
    hooks,
    groups: [...new Set(all.flatMap(({ groups }) => groups))],
  };
}

/** Reads values of a file that somebody else has written. */
class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  object(value: unknown, what: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw this.#corrupt(what);
  }

  /** None: empty. */
  list(value: unknown, what: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    throw this.#corrupt(what);
  }

  texts(value: unknown, what: string): string[] {
    return this.list(value, what).map((item) => this.text(item, what));
  }

  text(value: unknown, what: string): string {
    if (typeof value === 'string' && value !== '') return value;
    throw this.#corrupt(what);
  }

  number(value: unknown, what: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
    throw this.#corrupt(what);
  }

  optionalNumber(value: unknown, what: string): number | undefined {
    return value === undefined || value === null ? undefined : this.number(value, what);
  }

  unsupported(what: string): GantryError {
    return new GantryError('UNSUPPORTED', `${this.#path} asks for ${what}, which is not supported here`, {
      hint: 'describe the device without it, or name its nodes under devices',
    });
  }

  #corrupt(what: string): GantryError {
    return new GantryError('CORRUPT', `${this.#path}: ${what} is not as in a description of CDI devices`, {
      hint: 'have the vendor’s tool write it again, as "nvidia-ctk cdi generate"',
    });
  }
}
