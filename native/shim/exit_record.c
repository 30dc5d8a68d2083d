#include "shim/exit_record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEMPORARY EXIT_RECORD ".new"

static json_t *pack(const struct exit_record *record, const char *delete_error) {
  return json_pack("{s:i, s:b, s:I, s:I, s:s}", "code", record->code, "oomKilled", record->oom_killed, "finishedAtMs",
                   (json_int_t)record->finished_at_ms, "logBytesLost", (json_int_t)record->log_bytes_lost, "deleteError",
                   delete_error);
}

char *exit_record_to_json(const struct exit_record *record) {
  json_t *object = pack(record, record->delete_error);
  /* A runtime's message that is no UTF-8 must not cost the exit code. */
  if (object == NULL) object = pack(record, "unreadable error message");
  char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
  json_decref(object);
  return text;
}

int exit_record_write(int directory_fd, const char *json) {
  int fd = openat(directory_fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  size_t length = strlen(json);
  ssize_t written = write(fd, json, length);
  int error = written < 0 ? errno : ENOSPC;
  close(fd);
  if (written == (ssize_t)length) return renameat(directory_fd, TEMPORARY, directory_fd, EXIT_RECORD);
  unlinkat(directory_fd, TEMPORARY, 0);
  errno = error;
  return -1;
}
