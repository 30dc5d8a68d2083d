/** Ports that are published on one of several of the host's: whichever is free. Pure. */
import type { PortConfig } from './generated/gantry/v1/types.ts';

type Published = Pick<PortConfig, 'publishedPort' | 'publishedLast'>;

/** It is for somebody to choose, among all or some. */
export function isChoice({ publishedPort, publishedLast = 0 }: Published): boolean {
  return publishedPort === 0 || publishedLast > publishedPort;
}

/** It is this one, or one of these. */
export function isAmong(port: number, { publishedPort, publishedLast = publishedPort }: Published): boolean {
  return port >= publishedPort && port <= publishedLast;
}

/** "8080", or "8000-8010" */
export function publishedText({ publishedPort, publishedLast = 0 }: Published): string {
  return publishedLast > publishedPort ? `${publishedPort}-${publishedLast}` : String(publishedPort);
}
