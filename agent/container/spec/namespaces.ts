/** Which namespaces a container has of its own, and which it shares. */
import { GantryError } from '../../../proto/errors.ts';
import type { OciNamespace, OciNamespaceType } from './oci.ts';

/** A `pid_mode`, `ipc_mode` or `uts_mode`, or a network target that isn't a network, read. */
export type NamespaceMode =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly reference: string };

/** Reads a mode as Docker writes it: "", "private", "host" or "container:ID". Throws INVALID_ARGUMENT. */
export function parseNamespaceMode(subject: string, text: string): NamespaceMode {
  if (text === '' || text === 'private') return { kind: 'private' };
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith('container:') && text.length > 'container:'.length) {
    return { kind: 'container', reference: text.slice('container:'.length) };
  }
  throw new GantryError('INVALID_ARGUMENT', `${subject} mode "${text}" is not known`, {
    hint: 'write private, host or container:NAME',
  });
}

/** Where a namespace comes from: made anew, left as the host's, or joined at a path. */
export type NamespaceSource = 'new' | 'host' | { readonly path: string };

export interface NamespaceSources {
  readonly network: NamespaceSource;
  readonly pid: NamespaceSource;
  readonly ipc: NamespaceSource;
  readonly uts: NamespaceSource;
  readonly cgroup: 'new' | 'host';
}

/** The mount namespace is always the container's own. */
export function buildNamespaces(sources: NamespaceSources): OciNamespace[] {
  return [
    { type: 'mount' },
    ...namespace('cgroup', sources.cgroup),
    ...namespace('network', sources.network),
    ...namespace('pid', sources.pid),
    ...namespace('ipc', sources.ipc),
    ...namespace('uts', sources.uts),
  ];
}

function namespace(type: OciNamespaceType, source: NamespaceSource): OciNamespace[] {
  if (source === 'host') return [];
  return [source === 'new' ? { type } : { type, path: source.path }];
}
