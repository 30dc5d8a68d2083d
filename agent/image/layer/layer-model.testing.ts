/** What a layer's entries mean, without a file system: a tree in memory, one entry applied after the other. For tests. */
import type { TarHeader } from '../tar/header.ts';

/** The entry can't be applied. */
export class Refused extends Error {}

export interface ModelTree {
  readonly kind: 'directory';
  readonly children: Map<string, ModelNode>;
  mode: number;
  opaque: boolean;
}

type ModelNode =
  | ModelTree
  | { readonly kind: 'file'; readonly data: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'fifo'; readonly mode: number }
  | { readonly kind: 'device'; readonly rdev: number; readonly mode: number };

type Whiteouts = 'overlay' | 'literal';

export function emptyModel(): ModelTree {
  return { kind: 'directory', children: new Map(), mode: 0o755, opaque: false };
}

/** Throws {@link Refused}. */
export function applyToModel(
  root: ModelTree,
  entry: TarHeader & { readonly data: Buffer },
  whiteouts: Whiteouts,
): void {
  const overlay = whiteouts === 'overlay';
  if (entry.uid < 0 || entry.uid > 0xffff_fffe) throw new Refused();
  if (entry.type === 'character' && entry.deviceMajor > 0xfff) throw new Refused();
  const parts = clean(entry.name);
  const base = parts.pop();
  if (base === undefined) {
    if (entry.type !== 'directory') throw new Refused();
    setDirectory(root, entry);
    return;
  }
  if (overlay && isBookkeeping([...parts, base])) return;
  const parent = enter(root, parts, overlay);
  if (overlay && base.startsWith('.wh.')) whiteOut(parent, base);
  else put(root, parent, base, entry, overlay);
}

function whiteOut(parent: ModelTree, base: string): void {
  if (base === '.wh..wh..opq') {
    parent.opaque = true;
    return;
  }
  const name = base.slice('.wh.'.length);
  if (['', '.', '..'].includes(name)) throw new Refused();
  const found = parent.children.get(name);
  if (found === undefined) parent.children.set(name, { kind: 'device', rdev: 0, mode: 0 });
  else if (found.kind === 'directory') found.opaque = true;
}

function put(
  root: ModelTree,
  parent: ModelTree,
  base: string,
  entry: TarHeader & { readonly data: Buffer },
  overlay: boolean,
): void {
  const { type, linkName } = entry;
  const found = parent.children.get(base);
  if (type === 'directory') {
    const kept = found?.kind === 'directory' ? found : emptyModel();
    if (overlay && isWhiteout(found)) kept.opaque = true;
    parent.children.set(base, kept);
    setDirectory(kept, entry);
    return;
  }
  if (type === 'link') {
    const source = linkSource(root, linkName, overlay);
    if (found?.kind === 'directory' && holds(found, source)) throw new Refused();
    parent.children.set(base, source);
    return;
  }
  if (hasForbidden(entry) || (type === 'symlink' && linkName === '')) throw new Refused();
  parent.children.set(base, made(entry));
}

function holds(directory: ModelTree, node: ModelNode): boolean {
  const children = [...directory.children.values()];
  return children.some((child) => child === node || (child.kind === 'directory' && holds(child, node)));
}

function made({
  type,
  linkName,
  mode,
  data,
  deviceMajor,
  deviceMinor,
}: TarHeader & { readonly data: Buffer }): ModelNode {
  if (type === 'symlink') return { kind: 'symlink', target: linkName };
  if (type === 'file') return { kind: 'file', data: data.toString(), mode };
  if (type === 'fifo') return { kind: 'fifo', mode };
  return { kind: 'device', rdev: deviceMajor * 256 + deviceMinor, mode };
}

function setDirectory(directory: ModelTree, entry: TarHeader): void {
  if (hasForbidden(entry)) throw new Refused();
  directory.mode = entry.mode;
}

function hasForbidden({ xattrs }: TarHeader): boolean {
  return [...xattrs.keys()].some((name) => name.startsWith('trusted.overlay.'));
}

/** A hard link is one more name for what its target's name stands for. */
function linkSource(root: ModelTree, linkName: string, overlay: boolean): ModelNode {
  const parts = clean(linkName);
  const base = parts.pop();
  if (base === undefined) throw new Refused();
  const found = walk(root, parts, () => undefined).children.get(base);
  if (found === undefined || found.kind === 'directory' || (overlay && isWhiteout(found))) throw new Refused();
  return found;
}

function enter(root: ModelTree, parts: readonly string[], overlay: boolean): ModelTree {
  return walk(root, parts, (found) => {
    if (found !== undefined && !(overlay && isWhiteout(found))) return undefined;
    return { ...emptyModel(), opaque: found !== undefined };
  });
}

/** Through symbolic links, none of which leads out of the root. */
function walk(
  root: ModelTree,
  parts: readonly string[],
  create: (found: ModelNode | undefined) => ModelTree | undefined,
): ModelTree {
  const pending = [...parts];
  const path: ModelTree[] = [root];
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() ?? '';
    const current = path.at(-1) ?? root;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (path.length > 1) path.pop();
      continue;
    }
    // Of a link's target; those of names have been looked at.
    if (part.length > 255) throw new Refused();
    const found = current.children.get(part);
    if (found?.kind === 'symlink') {
      if (++links > 40) throw new Refused();
      if (found.target.startsWith('/')) path.length = 1;
      pending.unshift(...found.target.split('/'));
      continue;
    }
    const next = found?.kind === 'directory' ? found : create(found);
    if (next === undefined) throw new Refused();
    current.children.set(part, next);
    path.push(next);
    if (path.length > 1000) throw new Refused();
  }
  return path.at(-1) ?? root;
}

function isWhiteout(node: ModelNode | undefined): boolean {
  return node?.kind === 'device' && node.rdev === 0;
}

function isBookkeeping(parts: readonly string[]): boolean {
  return parts.some(
    (part, index) => part.startsWith('.wh..wh.') && !(part === '.wh..wh..opq' && index === parts.length - 1),
  );
}

/** By its letters alone: "a/../b" is "b" whatever a is. */
function clean(name: string): string[] {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw new Refused();
  }
  if (parts.join('/').length >= 4096 || parts.some((part) => part.length > 255)) throw new Refused();
  return parts;
}

/** One line for each node. */
export function listModel(root: ModelTree): string[] {
  const lines: string[] = [];
  const seen = new Map<ModelNode, string>();
  const visit = (path: string, node: ModelNode) => {
    if (node.kind === 'directory') {
      lines.push(`${path} directory${node.opaque ? ' opaque' : ''} ${node.mode.toString(8)}`);
      for (const name of [...node.children.keys()].sort()) {
        const child = node.children.get(name);
        if (child !== undefined) visit(path === '' ? name : `${path}/${name}`, child);
      }
      return;
    }
    const first = seen.get(node) ?? path;
    seen.set(node, first);
    if (node.kind === 'symlink') lines.push(`${path} symlink ${node.target} ${first}`);
    else if (node.kind === 'file') lines.push(`${path} file ${node.data} ${node.mode.toString(8)} ${first}`);
    else
      lines.push(`${path} ${node.kind === 'fifo' ? 'fifo' : `device ${node.rdev}`} ${node.mode.toString(8)} ${first}`);
  };
  visit('', root);
  return lines;
}
