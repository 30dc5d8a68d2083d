#ifndef GANTRY_RUNTIME_SECCOMP_CACHE_H
#define GANTRY_RUNTIME_SECCOMP_CACHE_H

#include "seccomp.h"

#include <stdbool.h>

/* Compiled profiles, one file each. A file holds the profile's whole text beside the program, and counts only if the
 * text is the same, so the file's name need not be unique. Whoever can write to the directory is root anyway. */
bool seccomp_cache_read (const char *directory, const char *profile, struct seccomp_program *program);
void seccomp_cache_write (const char *directory, const char *profile, const struct seccomp_program *program);

#endif
