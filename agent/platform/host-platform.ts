/** What this host is. */
import type { Platform } from './platform.ts';

const GO_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export function hostPlatform(): Platform {
  return { os: 'linux', architecture: GO_NAMES[process.arch] ?? process.arch };
}
