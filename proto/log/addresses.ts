/** Where receivers of logs are: scheme://host:port, or a path. */
import type { LogOptions } from './log-options.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface LogUrl {
  /** '' where none is said */
  readonly scheme: string;
  readonly rest: string;
}

/** Undefined: the option isn't given. */
export function readUrl(options: LogOptions, name: string): LogUrl | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const [, scheme, rest] = /^([a-z][a-z0-9+]*):\/\/(.*)$/i.exec(text) ?? [];
  return scheme === undefined ? { scheme: '', rest: text } : { scheme: scheme.toLowerCase(), rest: rest ?? '' };
}

/** "[::1]:514", "logs.example". Throws LogOptionError. */
export function readHostPort(options: LogOptions, name: string, text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^[\]:/\s]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65535) options.refuse(name, 'a host and a port, logs.example:514');
  return { host, port };
}

/** Throws LogOptionError. */
export function readSocketPath(options: LogOptions, name: string, path: string): string {
  return path.startsWith('/') ? path : options.refuse(name, 'an absolute path, unix:///dev/log');
}
