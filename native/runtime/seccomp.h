#ifndef GANTRY_RUNTIME_SECCOMP_H
#define GANTRY_RUNTIME_SECCOMP_H

#include "error.h"
#include "sync.h"

#include <jansson.h>
#include <linux/filter.h>
#include <stdint.h>

/* linux.seccomp, compiled. Plain memory, so that it can be sent to the container's first process. */
struct seccomp_program
{
  uint32_t flags; /* of seccomp(2) */
  uint32_t count;
  struct sock_filter instructions[(SYNC_MAX_PAYLOAD - 8) / sizeof (struct sock_filter)];
};

/* Bytes of the program that matter. */
size_t seccomp_program_size (const struct seccomp_program *program);

/* Compiles the profile; NULL gives a program of count 0. Compiling Docker's profile takes 10 ms, so results are kept
 * in CACHE_DIRECTORY. What is wrong with the cache is never an error. */
int seccomp_compile (struct seccomp_program *program, json_t *profile, const char *cache_directory,
                     struct error *err);

/* Puts the calling thread under the program. Needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_load_program (const struct seccomp_program *program, struct error *err);

#endif
