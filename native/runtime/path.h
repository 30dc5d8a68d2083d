#ifndef GANTRY_RUNTIME_PATH_H
#define GANTRY_RUNTIME_PATH_H

#include "error.h"

#include <sys/types.h>

/* Paths inside a container's root file system. The image decides what lies there, so every path is resolved by the
 * kernel with ROOT as "/" (openat2, RESOLVE_IN_ROOT): no symlink, however placed or swapped, leads outside. */

enum path_kind
{
  PATH_FILE,
  PATH_DIRECTORY,
};

/* Returns an O_PATH descriptor; -1 with err->errnum ENOENT when there is nothing at PATH. */
int path_open_in_root (int root, const char *path, struct error *err);

/* The same with open(2) FLAGS of the caller's choice, and no symlink allowed anywhere in PATH. */
int path_open_no_symlinks (int root, const char *path, int flags, struct error *err);

/* Like path_open_in_root, but makes what is missing: directories 0755, and an empty file at the end for PATH_FILE. */
int path_make_in_root (int root, const char *path, enum path_kind kind, struct error *err);

/* Makes PATH's directory, returns it as O_PATH descriptor, and its last component in *NAME (points into PATH). */
int path_make_parent_in_root (int root, const char *path, const char **name, struct error *err);

#endif
