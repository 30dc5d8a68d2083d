#ifndef GANTRY_RUNTIME_CLEANUP_H
#define GANTRY_RUNTIME_CLEANUP_H

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Frees or closes a local variable wherever its scope is left, so that no error path leaks. */
#define cleanup_free __attribute__ ((cleanup (cleanup_free_pointer)))
#define cleanup_close __attribute__ ((cleanup (cleanup_close_fd)))
#define cleanup_file __attribute__ ((cleanup (cleanup_close_file)))
#define cleanup_dir __attribute__ ((cleanup (cleanup_close_dir)))
#define cleanup_json __attribute__ ((cleanup (cleanup_json_pointer)))

static inline void
cleanup_free_pointer (void *pointer)
{
  free (*(void **) pointer);
}

static inline void
cleanup_close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
}

static inline void
cleanup_close_file (FILE **file)
{
  if (*file != NULL)
    fclose (*file);
}

static inline void
cleanup_close_dir (DIR **dir)
{
  if (*dir != NULL)
    closedir (*dir);
}

static inline void
cleanup_json_pointer (json_t **json)
{
  json_decref (*json);
}

#endif
