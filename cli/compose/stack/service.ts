/** One service of a model → its spec for the cluster. */
import {
  type Dependency,
  IngressScope,
  type PlacementStrategy,
  type PortConfig,
  type PullPolicy,
  ServiceSpec,
} from '../../../proto/generated/gantry/v1/types.ts';
import { isJob } from '../../../proto/service-mode.ts';
import { CLUSTER_STRATEGIES } from '../../options/strategies.ts';
import { convertAttachments } from './attachments.ts';
import { type Build, convertBuild } from './build.ts';
import { checkBesideLimits } from './cgroup.ts';
import { convertContainer } from './container.ts';
import { type ServiceContext, STACK_LABEL } from './context.ts';
import { convertDependencies } from './dependencies.ts';
import { convertDeploy } from './deploy.ts';
import { convertDeviceRequests } from './device-requests.ts';
import { checkLinks } from './links.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { convertPlatform, placementOf } from './placement.ts';
import { convertPorts } from './ports.ts';
import { convertImagePolicy, type Renewal } from './pull-policy.ts';
import { SERVICE_REFUSALS } from './refusals.ts';
import { withDevices, withServiceLimits } from './resources.ts';
import { convertRestart } from './restart.ts';

export interface ConvertedService {
  readonly spec: ServiceSpec;
  readonly build: Build | undefined;
  /** Whether commands that show what services print show its output, too. */
  readonly attach: boolean;
  readonly renewal: Renewal;
}

export function convertService(service: ModelCursor, context: ServiceContext): ConvertedService {
  return service.object(SERVICE_REFUSALS, (fields) => {
    const build = fields.get('build', (cursor) => convertBuild(cursor, context));
    // What profiles it is of has been looked at: it is active.
    fields.texts('profiles');
    const attach = fields.get('attach', (cursor) => cursor.boolean()) ?? true;
    const { pullPolicy, renewal } = convertImagePolicy(fields, context);
    return { build, attach, renewal, spec: readSpec(fields, pullPolicy, context) };
  });
}

function readSpec(fields: Fields, pullPolicy: PullPolicy, context: ServiceContext): ServiceSpec {
  const stack = context.model.name;
  const image = fields.text('image') || `${stack}-${context.service}:latest`;
  const deploy = convertDeploy(fields.cursor('deploy'), fields.cursor('scale'));
  const devices = convertDeviceRequests(fields.cursor('gpus'), deploy.devices);
  const resources = withDevices(withServiceLimits(deploy.resources, fields), devices.generic);
  const container = convertContainer(fields, image, context);
  fields.get('links', (cursor) => checkLinks(cursor, context.service, context.model, context.names));
  const own = fields.get('x-gantry', readOwn);
  const spec = ServiceSpec.fromPartial({
    annotations: { name: `${stack}_${context.service}`, labels: { ...deploy.labels, [STACK_LABEL]: stack } },
    task: {
      container: { ...container, pullPolicy, cdiDevices: [...container.cdiDevices, ...devices.cdiDevices] },
      ...(resources === undefined ? {} : { resources }),
      restart: convertRestart(fields.cursor('restart'), deploy.restartPolicy, isJob(deploy), context),
      networks: convertAttachments(fields, context),
    },
    mode: deploy.mode,
    endpointMode: deploy.endpointMode,
    ingressScope: own?.ingressScope ?? IngressScope.CLUSTER,
    placement: placementOf(deploy.placement, own?.strategy, fields.get('platform', convertPlatform)),
    update: deploy.update,
    rollback: deploy.rollback,
    ports: fields.get('ports', (cursor): PortConfig[] => convertPorts(cursor)) ?? [],
    dependencies: fields.get('depends_on', (cursor): Dependency[] => convertDependencies(cursor, context)) ?? [],
  });
  checkBesideLimits(fields, spec.task);
  return spec;
}

interface Own {
  readonly strategy: PlacementStrategy | undefined;
  readonly ingressScope: IngressScope | undefined;
}

const INGRESS_SCOPES = { cluster: IngressScope.CLUSTER, local: IngressScope.LOCAL } as const;

/** `x-gantry`: what Compose has no word for. */
function readOwn(own: ModelCursor): Own {
  return own.object({}, (fields) => {
    const strategy = fields.get('strategy', (cursor) => cursor.oneOf(['spread', 'binpack']));
    const ingress = fields.get('ingress', (cursor) => cursor.oneOf(['cluster', 'local']));
    return {
      strategy: strategy && CLUSTER_STRATEGIES[strategy],
      ingressScope: ingress && INGRESS_SCOPES[ingress],
    };
  });
}
