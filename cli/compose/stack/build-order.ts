/** In which order images are built: each after those that it is built from. */
import type { Build } from './build.ts';

export interface Buildable {
  readonly name: string;
  readonly build: Build | undefined;
}

/** The services whose images the build is made from. */
export function servicesInBuild({ additionalContexts }: Build): string[] {
  return Object.values(additionalContexts).flatMap((place) =>
    place.startsWith('service:') ? [place.slice('service:'.length)] : [],
  );
}

/** Those that are built; in a circle, which is refused with the model, the order begins somewhere. */
export function inBuildOrder<T extends Buildable>(services: readonly T[]): T[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ordered = new Set<T>();
  const visiting = new Set<string>();
  const visit = (service: T): void => {
    if (service.build === undefined || visiting.has(service.name)) return;
    visiting.add(service.name);
    for (const other of servicesInBuild(service.build)) {
      const needed = byName.get(other);
      if (needed !== undefined) visit(needed);
    }
    ordered.add(service);
  };
  services.forEach(visit);
  return [...ordered];
}

/** Of services that build from each other: "a → b → a"; undefined: there is no circle. */
export function buildCircle(services: readonly Buildable[]): string | undefined {
  const byName = new Map(services.map((service) => [service.name, service]));
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string | undefined => {
    const start = path.indexOf(name);
    if (start >= 0) return [...path.slice(start), name].join(' → ');
    const build = byName.get(name)?.build;
    if (build === undefined || done.has(name)) return undefined;
    for (const other of servicesInBuild(build)) {
      const circle = visit(other, [...path, name]);
      if (circle !== undefined) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const { name } of services) {
    const circle = visit(name, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
