/** Copies images between files and the registry of a bench. */
import { join } from 'node:path';
import { output } from '../../lab/command.ts';
import { type DockerRegistry, REGISTRY_LOGIN } from '../../lab/docker-registry.ts';

const PATIENCE_MS = 900_000;

/** `from` and `to` as skopeo names them; a registry gets it in Docker's format. `inside`: where the registry is reached. */
export async function copyImage(
  registry: DockerRegistry,
  inside: (argv: readonly string[]) => string[],
  from: string,
  to: string,
): Promise<void> {
  const login = ['--dest-creds', `${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`];
  const certificates = ['--dest-cert-dir', join(registry.certificates, registry.host)];
  const flags = to.startsWith('docker://') ? [...login, ...certificates, '--format', 'v2s2'] : [];
  const argv = ['skopeo', '--insecure-policy', 'copy', '-q', ...flags, from, to];
  await output(inside(argv), { timeoutMs: PATIENCE_MS });
}
