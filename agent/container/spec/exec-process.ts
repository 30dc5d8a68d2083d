/** The process that `exec` adds to a running container, as the runtime's `exec --process` reads it. */
import type { ExecStart } from '../../../proto/generated/gantry/v1/engine.ts';
import { boundingSet, processCapabilities } from './capabilities.ts';
import { overlayEnvironment } from './env.ts';
import type { OciProcess } from './oci.ts';
import type { ResolvedUser } from './user.ts';

export interface ExecRequest {
  /** process of the container's own config.json */
  readonly container: OciProcess;
  readonly exec: Pick<ExecStart, 'argv' | 'env' | 'dir' | 'tty' | 'privileged' | 'size'>;
  readonly user: ResolvedUser;
  readonly available: readonly string[];
}

/** Environment, directory and limits are the container's unless the exec has its own; HOME is that of its user. */
export function buildExecProcess({ container, exec, user, available }: ExecRequest): OciProcess {
  const { uid, gid, additionalGids, home } = user;
  const terminal = exec.tty ? ['TERM=xterm'] : [];
  const sameUser = uid === container.user.uid;
  const base = sameUser ? container.env : overlayEnvironment(container.env, [`HOME=${home}`]);
  const bounding = exec.privileged
    ? boundingSet({ add: [], drop: [], privileged: true, available })
    : container.capabilities.bounding;
  return {
    terminal: exec.tty,
    ...(exec.size !== undefined && { consoleSize: { height: exec.size.rows, width: exec.size.columns } }),
    user: { uid, gid, additionalGids },
    args: exec.argv,
    env: overlayEnvironment(terminal, [...base, ...exec.env]),
    cwd: exec.dir || container.cwd,
    capabilities: processCapabilities(bounding, uid),
    rlimits: container.rlimits,
    noNewPrivileges: container.noNewPrivileges && !exec.privileged,
  };
}
