/**
 * How long compose files take: `npm run bench -- compose [SERVICES] [RUNS]`. Each figure is the median of whole runs of the
 * program, started anew, and what is left of it without the start of the program itself (`gantry --version`).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median } from '../statistics.ts';

const services = Number(process.argv[2] ?? 500);
const runs = Number(process.argv[3] ?? 15);
const gantry = resolve(import.meta.dirname, '../../../cli/bin/gantry');

/** As services of a large shop are: 35 lines each, with anchors, variables, healthchecks and a deploy block. */
function composeFile(count: number): string {
  const service = (index: number) => `  service-${index}:
    <<: *common
    image: registry.example:5000/team/service-${index}:\${TAG:-1.${index}}
    command: ["serve", "--port", "8080", "--name=service-${index}"]
    environment:
      <<: *environment
      NAME: service-${index}
      DATABASE_URL: postgres://app:\${DB_PASSWORD:-secret}@db-${index % 10}:5432/app?sslmode=disable
      WORKERS: ${index % 8}
      FEATURES: "search,cart,pay"
    labels:
      - team=shop
      - traefik.enable=true
      - traefik.http.routers.service-${index}.rule=Host(\`service-${index}.example.org\`)
    ports:
      - "${20_000 + index}:8080"
    volumes:
      - data-${index % 20}:/var/lib/app
      - ./conf/service-${index}:/etc/app:ro
    networks:
      front: { aliases: [s${index}] }
      back:
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8080/health"]
      interval: 10s
      timeout: 2s
      retries: 3
${index === 0 ? '' : `    depends_on:\n      service-${index - 1}: { condition: service_started }\n`}    deploy:
      replicas: 2
      resources:
        limits: { cpus: "0.50", memory: 256M }
        reservations: { memory: 64M }
      update_config: { parallelism: 1, delay: 5s, order: start-first }
      restart_policy: { condition: on-failure, max_attempts: 3 }
`;
  const volumes = Array.from({ length: 20 }, (_, index) => `  data-${index}:\n`).join('');
  return `x-common: &common
  init: true
  logging: { driver: json-file, options: { max-size: 10m, max-file: "3" } }
x-environment: &environment
  LOG_LEVEL: info
  REGION: eu
services:
${Array.from({ length: count }, (_, index) => service(index)).join('')}networks: { front: , back: { internal: true } }
volumes:
${volumes}`;
}

function medianMs(args: readonly string[], cwd: string): number {
  const times = Array.from({ length: runs + 1 }, () => {
    const start = performance.now();
    execFileSync(gantry, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'], maxBuffer: 1 << 28 });
    return performance.now() - start;
  });
  // The first one compiles what the others find compiled.
  return median(times.slice(1));
}

const directory = mkdtempSync(join(tmpdir(), 'gantry-compose-bench-'));
try {
  const text = composeFile(services);
  writeFileSync(join(directory, 'compose.yaml'), text);
  console.log(
    `${services} services, ${text.split('\n').length} lines, ${Math.round(text.length / 1024)} KiB; median of ${runs} runs`,
  );
  const start = medianMs(['--version'], directory);
  const row = (name: string, ms: number) =>
    console.log(
      `${name.padEnd(34)} ${ms.toFixed(0).padStart(5)} ms   without start ${(ms - start).toFixed(0).padStart(5)} ms`,
    );
  row('gantry --version', start);
  row('gantry stack config --quiet', medianMs(['stack', 'config', '--quiet'], directory));
  row('gantry stack config --format json', medianMs(['stack', 'config', '--format', 'json'], directory));
  row('gantry stack config', medianMs(['stack', 'config'], directory));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
