/** Gantry and Docker on one disk, each one hop from the same registry. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerRegistry, REGISTRY_LOGIN } from '../../lab/docker-registry.ts';
import { Host, NEIGHBOUR_ADDRESS } from '../../lab/host.ts';
import { DockerPeer } from '../docker-peer.ts';
import { ImageEngine } from './image-engine.ts';
import { copyImage } from './skopeo.ts';

export interface BenchEngines {
  readonly gantry: ImageEngine;
  /** Undefined where docker.io isn't installed. */
  readonly docker: ImageEngine | undefined;
  /** ADDRESS:PORT */
  readonly registry: string;
  /** Runs skopeo's copy where the registry is. */
  readonly copy: (from: string, to: string) => Promise<void>;
}

/** `home` is for what logins leave. What is made is added to `made`, whose owner removes it. */
export async function openEngines(home: string, made: AsyncDisposableStack): Promise<BenchEngines> {
  const host = await Host.create('images');
  made.defer(() => host.destroy());
  await host.keepRunInMemory();
  const registry = await DockerRegistry.start(NEIGHBOUR_ADDRESS, (argv) => host.outside(argv));
  made.defer(() => registry.destroy());
  await host.start(['--registry-certs', registry.certificates]);
  const docker = await openDocker(host, registry, made);
  const env = { HOME: home, DOCKER_CONFIG: join(home, '.docker') };
  const gantry = new ImageEngine({
    ...{ name: 'gantry', env, pid: host.pid('gantryd'), dataRoot: host.dataRoot, isSettled },
    command: (args) => host.command(args),
  });
  const engines = {
    gantry,
    docker:
      docker &&
      new ImageEngine({
        ...{ name: 'docker', env, pid: docker.pid, dataRoot: docker.dataRoot },
        command: (args) => docker.command(args),
        // It answers when all is removed.
        isSettled: async () => true,
      }),
  };
  const login = ['login', '-u', REGISTRY_LOGIN.username, '-p', REGISTRY_LOGIN.password, registry.host];
  for (const engine of [engines.gantry, engines.docker]) await engine?.run(login);
  const copy = (from: string, to: string) => copyImage(registry, (argv) => host.outside(argv), from, to);
  return { ...engines, registry: registry.host, copy };
}

async function openDocker(
  host: Host,
  registry: DockerRegistry,
  made: AsyncDisposableStack,
): Promise<DockerPeer | undefined> {
  const docker = await DockerPeer.start(['--insecure-registry', registry.host]);
  if (docker === undefined) return undefined;
  made.defer(() => docker.stop());
  await docker.connect(host.neighbour);
  await docker.routeThroughNeighbour(NEIGHBOUR_ADDRESS);
  return docker;
}

/** gantryd removes names at once, and in the background what nobody needs any more. */
async function isSettled(dataRoot: string): Promise<boolean> {
  const held = ['content/blobs/sha256', 'content/trash', 'layers', 'layers/trash'];
  const names = await Promise.all(held.map((name) => readdir(join(dataRoot, name))));
  return names.flat().every((name) => name === 'tmp' || name === 'trash');
}
