/*
 * The container's log, in CRI log format: one record per line of output,
 *   2016-10-06T00:17:09.669794202Z stdout F The line\n
 * F: a full line, whose newline is the record's own. P: a part, with more to come: of a line longer than
 * LOG_LINE_MAX, or what the process wrote last without a newline.
 */
#ifndef GANTRY_SHIM_LOG_FILE_H
#define GANTRY_SHIM_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX (16 * 1024)
#define LOG_PENDING_MAX (32 * 1024)

enum stream { STREAM_STDOUT = 0, STREAM_STDERR = 1 };
#define STREAM_COUNT 2

struct log_line {
  size_t length;
  char text[LOG_LINE_MAX];
};

struct log_file {
  const char *path;
  int fd; /* -1 when it could not be opened after a turn-over; tried again at each flush */
  int64_t size;
  int64_t max_size;
  int max_files;
  /* No file is lost by a turn-over: while the oldest is there, which somebody removes once it is sent, there is none. */
  bool waits;
  /* What could not be written, in bytes of records: the container goes on without its log. */
  int64_t lost;
  struct log_line lines[STREAM_COUNT];
  size_t pending_length;
  char pending[LOG_PENDING_MAX];
};

/* Opens for appending; -1 with errno. With `max_files` 0 nothing is opened, and what is written goes nowhere. */
int log_file_open(struct log_file *log, const char *path, int64_t max_size, int max_files, bool waits);
/* Takes output; whole lines are in the file when log_file_flush returns. */
void log_file_write(struct log_file *log, enum stream stream, const char *data, size_t length);
void log_file_flush(struct log_file *log);
/* It is full and waits: nothing more should be written to it for now. What is written all the same makes it larger. */
bool log_file_is_full(const struct log_file *log);
/* Writes the lines that never ended and closes. */
void log_file_close(struct log_file *log);

#endif
