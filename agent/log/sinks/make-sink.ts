/** The sink of each kind of receiver. */
import type { RandomBytes } from '../../../proto/ids.ts';
import type { SentLogConfig } from '../../../proto/log/log-driver.ts';
import { type LogOrigin, renderTag } from '../../../proto/log/sent-log.ts';
import { FluentdSink, fluentdOrigin } from './fluentd-sink.ts';
import { gelfBase } from './gelf-message.ts';
import { makeGelfSink } from './gelf-sink.ts';
import { JournaldSink, journalFields } from './journald-sink.ts';
import type { LogSink } from './log-sink.ts';
import { type DatagramNative, SyslogSink } from './syslog-sink.ts';

export interface SinkParts {
  readonly native: DatagramNative;
  readonly random: RandomBytes;
}

export function makeSink(config: SentLogConfig, origin: LogOrigin, { native, random }: SinkParts): LogSink {
  const { receiver, selection } = config;
  const tag = renderTag(config.tag, origin, selection);
  switch (receiver.kind) {
    case 'syslog':
      return new SyslogSink(receiver, { hostname: origin.hostname, tag, pid: process.pid }, native);
    case 'gelf':
      return makeGelfSink(receiver, gelfBase(origin, selection, tag), random);
    case 'fluentd':
      return new FluentdSink(receiver, fluentdOrigin(origin, selection, tag), random);
    case 'journald':
      return new JournaldSink(journalFields(origin, selection, tag), native);
  }
}
