/* The shim's command line. */
#ifndef GANTRY_SHIM_OPTIONS_H
#define GANTRY_SHIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
  const char *id;
  const char *bundle;
  const char *state_dir;
  const char *log;
  int64_t log_max_size;
  int log_max_files; /* 0: no log is kept */
  bool log_waits;    /* for its oldest file to be removed, rather than remove it */
  bool open_stdin;
  /* The process gets a terminal: process.terminal in the bundle's config.json. */
  bool terminal;
  const char *runtime;
  const char *runtime_root;
  /* main() of the runtime that is part of this program. */
  int (*own_runtime)(int argc, char **argv);
};

/* All paths are absolute. False with a message when something is missing or wrong. */
bool options_parse(int argc, char **argv, struct options *options, char *message, size_t size);

#endif
