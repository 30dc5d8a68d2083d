/** An image with this project's Node, what that is linked with, and the server; and busybox, to ask for its health. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { output } from '../../lab/command.ts';
import { type EngineHost, ROOT } from '../../lab/engine-host.ts';

export const WEB_IMAGE = 'web:latest';

export async function importWeb(hosts: readonly EngineHost[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-web-'));
  try {
    const root = join(directory, 'root');
    const node = join(ROOT, 'node_modules/node/bin/node');
    const busybox = (await output(['sh', '-c', 'command -v busybox'])).trim();
    const libraries = [...(await output(['ldd', node])).matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
    const files: [string, string][] = [
      [node, '/bin/node'],
      [busybox, '/bin/busybox'],
      [join(import.meta.dirname, 'web-server.ts'), '/web-server.ts'],
      ...libraries.map((path): [string, string] => [path, path]),
    ];
    for (const [from, to] of files) {
      mkdirSync(join(root, dirname(to)), { recursive: true });
      copyFileSync(from, join(root, to));
    }
    for (const name of ['tmp', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, name), { recursive: true });
    const archive = join(directory, 'web.tar');
    await output(['tar', '-C', root, '-cf', archive, '.']);
    const argv = ['image', 'import', '--change', 'CMD ["/bin/node", "/web-server.ts"]', archive, WEB_IMAGE];
    for (const host of hosts) await host.ok(argv, { timeoutMs: 120_000 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
