#ifndef GANTRY_RUNTIME_ALLOC_H
#define GANTRY_RUNTIME_ALLOC_H

#include <stddef.h>

/* Allocation that never returns NULL: a one-shot program without memory has nothing better to do than to stop. */
void *xcalloc (size_t count, size_t size);
void *xrealloc (void *pointer, size_t size);
char *xstrdup (const char *text);
char *xasprintf (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Zeroed memory that is freed all at once. An arena starts as { NULL }. */
struct arena
{
  struct arena_block *blocks;
};

void *arena_calloc (struct arena *arena, size_t count, size_t size);
void arena_free (struct arena *arena);

#endif
