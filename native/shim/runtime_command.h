/* The OCI runtime's commands, run as child processes: create, start, delete. */
#ifndef GANTRY_SHIM_RUNTIME_COMMAND_H
#define GANTRY_SHIM_RUNTIME_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

#include "shim/options.h"

#define ERROR_MESSAGE_MAX 2048

/* What went wrong, as the agent is told. */
struct command_failure {
  char message[ERROR_MESSAGE_MAX];
  const char *code; /* of proto/errors.ts */
};

/*
 * Each starts the command and gives its pid; -1 with the failure set when the program can't be run. `stdio` are
 * the descriptors that the container's process inherits; -1 stands for the shim's own.
 */
pid_t runtime_create(const struct options *options, const int stdio[3], const char *console_socket,
                     struct command_failure *failure);
pid_t runtime_start(const struct options *options, struct command_failure *failure);
/* With --force: also kills what still runs in the container. */
pid_t runtime_delete(const struct options *options, struct command_failure *failure);

/* The pid of the container's init, which create has written down; -1 with the failure set. */
pid_t runtime_init_pid(const struct options *options, struct command_failure *failure);

/* Why the command that ended with this wait status failed, from the runtime's log. */
void runtime_explain(const struct options *options, const char *command, int status, struct command_failure *failure);

/* Fills the failure with code HOST. Returns -1. */
int host_failure(struct command_failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure as one line of JSON, to be freed. */
char *failure_to_json(const struct command_failure *failure);

#endif
