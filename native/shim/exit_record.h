/* How the container ended, for agents that come later. */
#ifndef GANTRY_SHIM_EXIT_RECORD_H
#define GANTRY_SHIM_EXIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define EXIT_RECORD "exit.json"

struct exit_record {
  int code; /* 0..255; 128 + signal */
  bool oom_killed;
  int64_t finished_at_ms;
  int64_t log_bytes_lost;
  /* Why the runtime's delete failed; "" when it didn't */
  const char *delete_error;
};

/* One line of JSON, to be freed. */
char *exit_record_to_json(const struct exit_record *record);
/* Writes it beside its name and renames it; -1 with errno. */
int exit_record_write(int directory_fd, const char *json);

#endif
