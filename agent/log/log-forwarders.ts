/** Sends on the logs of all containers whose drivers say so. */
import type { Logger } from 'pino';
import type { ContainerId } from '../../proto/ids.ts';
import type { LogReceiver } from '../../proto/log/log-driver.ts';
import type { Retry } from '../../proto/log/sent-log.ts';
import type { LogForwarding, SendingContainer } from '../container/context.ts';
import { LogForwarder } from './log-forwarder.ts';
import { makeSink, type SinkParts } from './sinks/make-sink.ts';

export interface LogForwardersOptions extends SinkParts {
  /** Of this host. */
  readonly hostname: string;
  readonly logger: Logger;
}

interface Following {
  readonly forwarder: LogForwarder;
  readonly ended: Promise<void>;
}

const PATIENT: Retry = { delayMs: undefined, limit: undefined };

export class LogForwarders implements LogForwarding {
  readonly #options: LogForwardersOptions;
  readonly #following = new Map<ContainerId, Following>();
  /** Also those of containers that are gone. */
  readonly #all = new Set<Following>();
  #closed: boolean = false;

  constructor(options: LogForwardersOptions) {
    this.#options = options;
  }

  follow(container: SendingContainer, isRunning: boolean): void {
    if (this.#closed) return;
    const present = this.#following.get(container.id)?.forwarder;
    if (present?.goOn()) return;
    const forwarder = this.#make(container);
    if (forwarder === undefined) return;
    if (!isRunning) forwarder.end();
    const ended = this.#run(container.id, forwarder);
    const following = { forwarder, ended };
    this.#following.set(container.id, following);
    this.#all.add(following);
    void ended.finally(() => this.#forget(container.id, following));
  }

  end(id: ContainerId): void {
    this.#following.get(id)?.forwarder.end();
  }

  async release(id: ContainerId): Promise<void> {
    await this.#following.get(id)?.forwarder.release();
  }

  /** What is sent next time begins where this ends. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { forwarder } of this.#all) forwarder.stop();
    await Promise.all([...this.#all].map(({ ended }) => ended));
  }

  /** Undefined, and logged, for a tag that can't be made of this container. */
  #make({ config, origin, logPath, placePath, fullPath, id }: SendingContainer): LogForwarder | undefined {
    const { hostname, logger } = this.#options;
    try {
      return new LogForwarder({
        ...{ logPath, placePath, fullPath },
        sink: makeSink(config, { ...origin, hostname }, this.#options),
        retry: retryOf(config.receiver),
        logger: logger.child({ container: id }),
      });
    } catch (error) {
      logger.error({ err: error, container: id }, "a container's log can't be sent");
      return undefined;
    }
  }

  async #run(id: ContainerId, forwarder: LogForwarder): Promise<void> {
    try {
      await forwarder.run();
    } catch (error) {
      this.#options.logger.error({ err: error, container: id }, "a container's log is not sent any more");
    }
  }

  #forget(id: ContainerId, following: Following): void {
    this.#all.delete(following);
    if (this.#following.get(id) === following) this.#following.delete(id);
  }
}

function retryOf(receiver: LogReceiver): Retry {
  return 'retry' in receiver ? receiver.retry : PATIENT;
}
