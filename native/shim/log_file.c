#include "shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Timestamp, stream, tag and the blanks between them. */
#define PREFIX_MAX 64

static int open_file(struct log_file *log) {
  struct stat info;
  log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log->fd < 0) return -1;
  log->size = fstat(log->fd, &info) == 0 ? info.st_size : 0;
  return 0;
}

int log_file_open(struct log_file *log, const char *path, int64_t max_size, int max_files, bool waits) {
  log->path = path;
  log->max_size = max_size;
  log->max_files = max_files;
  log->waits = waits;
  log->fd = -1;
  return max_files == 0 ? 0 : open_file(log);
}

static bool has_oldest(const struct log_file *log) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s.%d", log->path, log->max_files - 1);
  return access(path, F_OK) == 0;
}

bool log_file_is_full(const struct log_file *log) {
  return log->waits && log->size > log->max_size && has_oldest(log);
}

/* FILE becomes FILE.1, FILE.1 becomes FILE.2, and the oldest goes. */
static void turn_over(struct log_file *log) {
  char from[PATH_MAX + 16], to[PATH_MAX + 16];
  if (log->fd >= 0) close(log->fd);
  if (log->max_files == 1) unlink(log->path);
  for (int i = log->max_files - 1; i >= 1; i--) {
    snprintf(to, sizeof to, "%s.%d", log->path, i);
    snprintf(from, sizeof from, i == 1 ? "%s" : "%s.%d", log->path, i - 1);
    rename(from, to);
  }
  open_file(log);
}

static size_t write_pending(struct log_file *log) {
  size_t written = 0;
  while (written < log->pending_length) {
    ssize_t count = write(log->fd, log->pending + written, log->pending_length - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += (size_t)count;
  }
  return written;
}

void log_file_flush(struct log_file *log) {
  if (log->pending_length == 0) return;
  if (log->fd < 0) open_file(log);
  size_t written = log->fd < 0 ? 0 : write_pending(log);
  if (written == log->pending_length) {
    log->size += (int64_t)written;
  } else {
    /* A full disk must not stop the container. Half a record would spoil the next one: all of it goes. */
    log->lost += (int64_t)log->pending_length;
    if (written > 0 && ftruncate(log->fd, log->size) < 0) log->size += (int64_t)written;
  }
  log->pending_length = 0;
}

/* RFC 3339 in UTC with nanoseconds, always 30 characters, so that texts sort as times do. */
static size_t format_prefix(char *prefix, enum stream stream, char tag) {
  struct timespec now;
  struct tm parts;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t length = strftime(prefix, PREFIX_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
  length += (size_t)snprintf(prefix + length, PREFIX_MAX - length, ".%09ldZ %s %c ", now.tv_nsec,
                             stream == STREAM_STDOUT ? "stdout" : "stderr", tag);
  return length;
}

static void append(struct log_file *log, const char *data, size_t length) {
  memcpy(log->pending + log->pending_length, data, length);
  log->pending_length += length;
}

/* For one record, in the buffer and in the file. A record is never divided; one that is larger than a file has its own. */
static void make_room(struct log_file *log, size_t record) {
  if (log->pending_length + record > LOG_PENDING_MAX) log_file_flush(log);
  if (log->size + (int64_t)(log->pending_length + record) <= log->max_size) return;
  log_file_flush(log);
  if (log->size > 0 && !(log->waits && has_oldest(log))) turn_over(log);
}

/* One record: what was kept of the line, then `rest`. Together they are LOG_LINE_MAX at most. */
static void add_record(struct log_file *log, enum stream stream, char tag, const char *rest, size_t length) {
  struct log_line *line = &log->lines[stream];
  char prefix[PREFIX_MAX];
  size_t prefix_length = format_prefix(prefix, stream, tag);
  make_room(log, prefix_length + line->length + length + 1);
  append(log, prefix, prefix_length);
  append(log, line->text, line->length);
  append(log, rest, length);
  append(log, "\n", 1);
  line->length = 0;
}

void log_file_write(struct log_file *log, enum stream stream, const char *data, size_t length) {
  struct log_line *line = &log->lines[stream];
  if (log->max_files == 0) return;
  while (length > 0) {
    const char *newline = memchr(data, '\n', length);
    size_t piece = newline == NULL ? length : (size_t)(newline - data);
    size_t room = LOG_LINE_MAX - line->length;
    if (piece > room) {
      add_record(log, stream, 'P', data, room);
      data += room;
      length -= room;
    } else if (newline != NULL) {
      add_record(log, stream, 'F', data, piece);
      data += piece + 1;
      length -= piece + 1;
    } else {
      memcpy(line->text + line->length, data, piece);
      line->length += piece;
      return;
    }
  }
}

void log_file_close(struct log_file *log) {
  for (int stream = 0; stream < STREAM_COUNT; stream++)
    if (log->lines[stream].length > 0) add_record(log, (enum stream)stream, 'P', "", 0);
  log_file_flush(log);
  if (log->fd >= 0) close(log->fd);
  log->fd = -1;
}
