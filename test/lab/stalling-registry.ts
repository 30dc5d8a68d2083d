/**
 * A registry that stalls, as a program: PORT. What is asked for of the repository "manifest" is never answered, of
 * "layer" a part of the layer comes and no more. Says "stalled" and "closed" on standard output.
 */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';

const [, , port = ''] = process.argv;
const LAYER = Buffer.alloc(1 << 20, 7);

const digestOf = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const descriptor = (mediaType: string, data: Buffer) => ({ mediaType, digest: digestOf(data), size: data.length });
const rootfs = { type: 'layers', diff_ids: [digestOf(LAYER)] };
const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs }));
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: descriptor('application/vnd.oci.image.config.v1+json', config),
  layers: [descriptor('application/vnd.oci.image.layer.v1.tar', LAYER)],
});

function stall(response: ServerResponse): void {
  response.on('close', () => process.stdout.write('closed\n'));
  process.stdout.write('stalled\n');
}

createServer(({ url = '' }, response) => {
  if (url === '/v2/') response.end('{}');
  else if (url.startsWith('/v2/manifest/')) stall(response);
  else if (url.includes('/manifests/')) response.end(manifest);
  else if (url.endsWith(digestOf(config))) response.end(config);
  else {
    response.writeHead(200, { 'content-length': LAYER.length }).write(LAYER.subarray(0, 100_000));
    stall(response);
  }
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
