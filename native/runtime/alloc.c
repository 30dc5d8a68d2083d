#include "alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block
{
  struct arena_block *next;
  max_align_t data[];
};

static void *
checked (void *pointer)
{
  if (pointer == NULL)
    {
      fputs ("gantry-runtime: out of memory\n", stderr);
      abort ();
    }
  return pointer;
}

void *
xcalloc (size_t count, size_t size)
{
  return checked (calloc (count > 0 ? count : 1, size > 0 ? size : 1));
}

void *
xrealloc (void *pointer, size_t size)
{
  return checked (realloc (pointer, size > 0 ? size : 1));
}

char *
xstrdup (const char *text)
{
  return checked (strdup (text));
}

char *
xasprintf (const char *format, ...)
{
  va_list args;
  char *text = NULL;
  int length;

  va_start (args, format);
  length = vasprintf (&text, format, args);
  va_end (args);
  return checked (length < 0 ? NULL : text);
}

void *
arena_calloc (struct arena *arena, size_t count, size_t size)
{
  struct arena_block *block;
  size_t bytes;

  if (__builtin_mul_overflow (count, size, &bytes) || __builtin_add_overflow (bytes, sizeof *block, &bytes))
    checked (NULL);
  block = xcalloc (1, bytes);
  block->next = arena->blocks;
  arena->blocks = block;
  return block->data;
}

void
arena_free (struct arena *arena)
{
  while (arena->blocks != NULL)
    {
      struct arena_block *next = arena->blocks->next;
      free (arena->blocks);
      arena->blocks = next;
    }
}
