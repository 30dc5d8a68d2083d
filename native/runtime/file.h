#ifndef GANTRY_RUNTIME_FILE_H
#define GANTRY_RUNTIME_FILE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file into a new, NUL-terminated buffer; LENGTH may be NULL. */
int read_file_at (int dirfd, const char *path, char **content, size_t *length, struct error *err);

/* Writes a value into an existing kernel file (/proc, /sys, cgroup) with one write(2), as those files demand. */
int write_kernel_file_at (int dirfd, const char *path, const char *value, struct error *err);

/* Puts CONTENT at NAME in DIRFD at once: readers see the old file or the new one. */
int replace_file_at (int dirfd, const char *name, const char *content, size_t length, mode_t mode, struct error *err);

/* Like `mkdir -p`. */
int make_directories (const char *path, mode_t mode, struct error *err);

/* Removes a directory and the plain files in it. What does not exist is fine. */
int remove_flat_directory (const char *path, struct error *err);

int write_all (int fd, const void *data, size_t length);

#endif
