/** A Dockerfile of 20 steps over the image, and its context: 2,000 files, 40 MB. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ContentSource } from './image-content.ts';

/** Number of files and bytes by directory. */
const CONTEXT: readonly (readonly [name: string, files: number, bytes: number])[] = [
  ['lib', 1500, 20 << 20],
  ['src', 400, 4 << 20],
  ['assets', 60, 15 << 20],
  ['config', 40, 1 << 20],
];

function dockerfile(image: string): string {
  return [
    `FROM ${image}`,
    'ENV APP_HOME=/srv/app NODE_ENV=production',
    'WORKDIR /srv/app',
    'LABEL maintainer=bench version=1',
    'COPY package.json package-lock.json ./',
    'RUN mkdir -p vendor && cp package.json vendor/',
    'COPY lib lib',
    'RUN find lib -type f | wc -l > lib.count',
    'COPY src src',
    'RUN find src -type f -exec cat {} + | sha256sum > build.sum',
    'RUN mkdir gen && for i in $(seq 1 500); do echo "$i" > gen/$i; done',
    'COPY assets assets',
    'RUN tar cf assets.tar assets',
    'ENV ASSETS=/srv/app/assets.tar',
    "RUN echo 'app:x:1000:1000::/srv/app:/bin/sh' >> /etc/passwd",
    'RUN chown -R 1000:1000 src gen',
    'COPY --chown=1000:1000 config config',
    'USER 1000',
    'EXPOSE 8080',
    'CMD ["/bin/sh"]',
    '',
  ].join('\n');
}

/** `directory` is made. */
export async function makeContext(directory: string, image: string): Promise<void> {
  const source = new ContentSource();
  for (const [index, [name, count, bytes]] of CONTEXT.entries()) {
    for (const { path, data } of source.files(name, count, bytes, 100 + index)) {
      const absolute = join(directory, path);
      await mkdir(dirname(absolute), { recursive: true });
      await writeFile(absolute, Buffer.concat([...data()]));
    }
  }
  for (const name of ['package.json', 'package-lock.json']) await writeFile(join(directory, name), '{}\n');
  await writeFile(join(directory, 'Dockerfile'), dockerfile(image));
}
