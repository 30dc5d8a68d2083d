#ifndef GANTRY_RUNTIME_STATE_H
#define GANTRY_RUNTIME_STATE_H

#include "cgroup.h"
#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the runtime remembers of a container, in ROOT/ID/:
 *   state.json    this structure; without a pid it is still being made, or its making was interrupted
 *   config.json   the bundle's, as it was at create
 *   start.fifo    where the container's process waits for `start`; its existence means "created"
 *   result.fifo   where it says why execve failed; end of file means that it didn't
 */
struct state
{
  char *id, *bundle, *oci_version, *created, *cgroup_path, *rootfs;
  json_t *annotations;
  /* Hooks that `start` and `delete` may have to run: without them they needn't read the configuration. */
  bool has_later_hooks;
  pid_t pid;
  uint64_t start_time; /* pidfd.h */
  char *directory;     /* ROOT/ID */
};

enum status
{
  STATUS_CREATING,
  STATUS_CREATED,
  STATUS_RUNNING,
  STATUS_PAUSED,
  STATUS_STOPPED,
};

#define cleanup_state __attribute__ ((cleanup (state_free)))

#define STATE_FILE "state.json"
#define CONFIG_FILE "config.json"
#define START_FIFO "start.fifo"
#define RESULT_FIFO "result.fifo"

/* Letters, digits, and _ + - . with at least one that is no dot. */
int state_check_id (const char *id, struct error *err);

/* Makes ROOT/ID. Fails when it exists: then the id is taken. */
int state_create_directory (const char *root, const char *id, struct error *err);

int state_save (const struct state *state, struct error *err);

/* errnum ENOENT: there is no such container. */
int state_load (struct state *state, const char *root, const char *id, struct error *err);
void state_free (struct state *state);

enum status state_status (const struct state *state);
const char *status_name (enum status status);

/* The container's first process, or -1 with errnum ESRCH when it has ended. */
int state_open_process (const struct state *state, struct error *err);

int state_locate_cgroup (const struct state *state, struct cgroup *cgroup, struct error *err);

/* OCI's "State" as JSON. */
json_t *state_to_oci (const struct state *state, enum status status);

#endif
