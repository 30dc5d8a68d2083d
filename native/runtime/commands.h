#ifndef GANTRY_RUNTIME_COMMANDS_H
#define GANTRY_RUNTIME_COMMANDS_H

#include "error.h"

/* The commands of gantry-runtime, one per file cmd_NAME.c. Each takes ROOT (--root) and its own arguments, argv[0]
 * being the command's name, and returns the exit status, or -1 with ERR. */
int cmd_create (const char *root, int argc, char **argv, struct error *err);
int cmd_delete (const char *root, int argc, char **argv, struct error *err);
int cmd_exec (const char *root, int argc, char **argv, struct error *err);
int cmd_features (const char *root, int argc, char **argv, struct error *err);
int cmd_kill (const char *root, int argc, char **argv, struct error *err);
int cmd_list (const char *root, int argc, char **argv, struct error *err);
int cmd_pause (const char *root, int argc, char **argv, struct error *err);
int cmd_ps (const char *root, int argc, char **argv, struct error *err);
int cmd_resume (const char *root, int argc, char **argv, struct error *err);
int cmd_start (const char *root, int argc, char **argv, struct error *err);
int cmd_state (const char *root, int argc, char **argv, struct error *err);
int cmd_update (const char *root, int argc, char **argv, struct error *err);

/* The one container id that a command without other arguments takes; an error with USAGE otherwise. */
int command_single_id (int argc, char **argv, int first, const char *usage, const char **id, struct error *err);

/* Parses what getopt could not, as an error. */
int command_usage (const char *usage, struct error *err);

/* A number from 0 to MAX. */
int command_number (const char *option, const char *text, long max, struct error *err);

#endif
