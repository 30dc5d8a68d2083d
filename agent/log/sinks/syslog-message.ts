/** A line as a message of syslog: RFC 3164, RFC 5424, and what a host's own /dev/log takes; as Docker writes them. Pure. */
import type { SyslogFormat } from '../../../proto/log/syslog-options.ts';
import { type CriRecord, STDERR } from '../cri-record.ts';

/** Severities of RFC 5424, table 2. */
const ERROR = 3;
const INFORMATIONAL = 6;
const NO_BLANKS = /[^\x21-\x7e]+/g;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface SyslogOrigin {
  readonly facility: number;
  readonly format: SyslogFormat;
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
}

/** With a newline at its end, as Docker ends them. */
export function syslogMessage(record: CriRecord, origin: SyslogOrigin): Buffer {
  return Buffer.concat([Buffer.from(header(record, origin)), record.data, Buffer.of(0x0a)]);
}

function header(record: CriRecord, { facility, format, hostname, tag, pid }: SyslogOrigin): string {
  const priority = facility * 8 + (record.stream === STDERR ? ERROR : INFORMATIONAL);
  switch (format) {
    case 'unix':
      return `<${priority}>${localTime(record)} ${tag}[${pid}]: `;
    case 'rfc3164':
      return `<${priority}>${localTime(record)} ${hostname} ${tag}[${pid}]: `;
    case 'rfc5424':
    case 'rfc5424micro': {
      const time = isoTime(record, format === 'rfc5424' ? 0 : 6);
      // Fields end with a blank.
      const name = tag.replace(NO_BLANKS, '_') || '-';
      return `<${priority}>1 ${time} ${hostname} ${name} ${pid} ${name} - `;
    }
  }
}

/** "Nov  8 04:05:06", in the host's own zone: RFC 3164, section 4.1.2. */
function localTime({ seconds }: CriRecord): string {
  const time = new Date(seconds * 1000);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const day = String(time.getDate()).padStart(2);
  return `${MONTHS[time.getMonth()] ?? ''} ${day} ${clock.map((part) => String(part).padStart(2, '0')).join(':')}`;
}

/** RFC 3339 in UTC with so many digits of a second. */
function isoTime({ seconds, nanoseconds }: CriRecord, digits: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = String(nanoseconds).padStart(9, '0').slice(0, digits);
  return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** RFC 5425, section 4.3: each message after its length, as of TLS and RFC 5424. */
export function countedFrame(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}
