#ifndef GANTRY_RUNTIME_MOUNT_OPTIONS_H
#define GANTRY_RUNTIME_MOUNT_OPTIONS_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOUNT_OPTIONS_MAX 64

/* The option strings of one OCI mount, sorted by who takes them. */
struct mount_options
{
  bool bind, recursive_bind;
  bool copy_up; /* tmpfs: starts with what the image has there */
  uint64_t set, clear; /* MOUNT_ATTR_* of this mount */
  uint64_t recursive_set, recursive_clear; /* of it and all below it */
  struct
  {
    unsigned long type; /* MS_SHARED ... */
    bool recursive;
  } propagation[MOUNT_OPTIONS_MAX];
  size_t propagation_count;
  const char *superblock_flags[MOUNT_OPTIONS_MAX]; /* names that fsconfig(2) takes as flags */
  size_t superblock_flag_count;
  const char *data[MOUNT_OPTIONS_MAX]; /* "key" or "key=value" for the file system itself */
  size_t data_count;
};

/* STRINGS is NULL-terminated, or NULL. Options that are neither known nor plausible for a file system are left to the
 * file system, which refuses them. */
int mount_options_parse (struct mount_options *options, const char *const *strings, struct error *err);

#endif
