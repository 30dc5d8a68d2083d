/** `extends:` of services: in the same file, in others, in chains (Compose specification, "extends"). */
import { resolve } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { mergeTrees } from '../merge/merge-trees.ts';
import { settleTree } from '../merge/settle.ts';
import { ProblemError } from '../syntax/problem.ts';
import { type Entry, type Mapping, type Tree, textIn } from '../syntax/tree.ts';
import { directoryOf, type Layer, type Loading, readLayer } from './layer.ts';
import { mapServicePaths, movePaths } from './paths.ts';

const MAX_CHAIN = 100;

interface Link {
  readonly path: string;
  readonly file: string;
  readonly service: string;
}

/** The file with services that need no other any more. */
export function applyExtends(loading: Loading, layer: Layer): Layer {
  const section = layer.tree.entries.get('services');
  if (section?.value.kind !== 'mapping') return layer;
  const extender = new Extender(loading);
  const services = new Map<string, Entry>();
  for (const entry of section.value.entries.values()) {
    services.set(entry.key, { ...entry, value: extender.service(layer, entry, []) });
  }
  const value: Mapping = { ...section.value, entries: services };
  return {
    ...layer,
    tree: { ...layer.tree, entries: new Map(layer.tree.entries).set('services', { ...section, value }) },
  };
}

class Extender {
  readonly #loading: Loading;
  readonly #layers = new Map<string, Layer>();
  /** By the service as it is written. */
  readonly #done = new Map<Tree, Tree>();

  constructor(loading: Loading) {
    this.#loading = loading;
  }

  service(layer: Layer, entry: Entry, chain: readonly Link[]): Tree {
    const service = entry.value;
    const clause = service.kind === 'mapping' ? service.entries.get('extends') : undefined;
    if (service.kind !== 'mapping' || clause === undefined) return service;
    const known = this.#done.get(service);
    if (known !== undefined) return known;
    const extended = this.#extended(layer, entry.key, service, clause, chain);
    this.#done.set(service, extended);
    return extended;
  }

  #extended(layer: Layer, name: string, service: Mapping, clause: Entry, chain: readonly Link[]): Tree {
    const own = { ...service, entries: new Map([...service.entries].filter(([key]) => key !== 'extends')) };
    const key = `services.${name}.extends`;
    try {
      const links = [...chain, { path: layer.file.path, file: clause.keyPosition.file, service: name }];
      const base = this.#base(layer, clause, key, links);
      return mergeTrees(settleTree(base), own, ['services', name], this.#loading.problems);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#loading.problems.push(error.problem);
      return own;
    }
  }

  #base(layer: Layer, clause: Entry, key: string, links: readonly Link[]): Tree {
    const refuse = (message: string, hint: string) =>
      new ProblemError({ position: clause.value.position, key, message, hint });
    const reference = readReference(clause.value);
    if (reference === undefined)
      throw refuse('names no service', 'write "service: NAME", and "file: FILE" for another file');
    const from = this.#layerOf(layer, reference.file, refuse);
    const services = from.tree.entries.get('services')?.value;
    const entry = services?.kind === 'mapping' ? services.entries.get(reference.service) : undefined;
    if (entry === undefined) {
      throw refuse(`service "${reference.service}" is not in ${from.file.name}`, 'name one that it has');
    }
    const seen = links.findIndex(({ path, service }) => path === from.file.path && service === reference.service);
    if (seen >= 0) {
      const circle = [...links.slice(seen), links[seen]].map((link) => `${link?.service} (${link?.file})`).join(' → ');
      throw refuse(`services extend each other in a circle: ${circle}`, 'remove one of these');
    }
    if (links.length > MAX_CHAIN) throw refuse(`more than ${MAX_CHAIN} services extend each other`, 'extend fewer');
    const base = this.service(from, entry, links);
    if (from === layer) this.#inheritLookup(reference.service, links.at(-1)?.service ?? '');
    return from === layer ? base : mapServicePaths(base, movePaths(from.directory, layer.directory));
  }

  /** What is read later for a service that is included is read for those that extend it, too. */
  #inheritLookup(from: string, to: string): void {
    const { lookups } = this.#loading;
    const lookup = lookups.get(`services.${from}`);
    if (lookup !== undefined && !lookups.has(`services.${to}`)) lookups.set(`services.${to}`, lookup);
  }

  #layerOf(layer: Layer, file: string | undefined, refuse: (message: string, hint: string) => ProblemError): Layer {
    if (file === undefined) return layer;
    const path = resolve(layer.directory, file);
    if (path === layer.file.path && layer.directory === directoryOf(layer.file)) return layer;
    const known = this.#layers.get(path);
    if (known !== undefined) return known;
    const other = { path, name: file };
    try {
      const found = readLayer(this.#loading, other, layer.lookup, directoryOf(other));
      this.#layers.set(path, found);
      return found;
    } catch (error) {
      if (error instanceof GantryError && error.code === 'NOT_FOUND')
        throw refuse(`file "${file}" not found`, 'correct the path');
      throw error;
    }
  }
}

function readReference(clause: Tree): { service: string; file: string | undefined } | undefined {
  if (clause.kind === 'scalar') return clause.text === '' ? undefined : { service: clause.text, file: undefined };
  const service = textIn(clause, 'service') || undefined;
  return service === undefined ? undefined : { service, file: textIn(clause, 'file') || undefined };
}
