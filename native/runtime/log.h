#ifndef GANTRY_RUNTIME_LOG_H
#define GANTRY_RUNTIME_LOG_H

#include "error.h"

#include <stdbool.h>

/* Where the command's own errors go: to the file given with --log, or else to stderr. */
int log_open (const char *path, bool json, struct error *err);
void log_error (const char *message);

#endif
