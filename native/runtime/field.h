#ifndef GANTRY_RUNTIME_FIELD_H
#define GANTRY_RUNTIME_FIELD_H

#include "alloc.h"
#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Typed reading of one member of a JSON object. A missing or null member leaves *OUT as it is; a member of the wrong
 * type is an error that names it. Strings are borrowed from the JSON document. OBJECT may be NULL: then everything
 * is missing. */

struct optional_int
{
  bool set;
  int64_t value;
};

int field_string (json_t *object, const char *key, const char **out, struct error *err);
int field_bool (json_t *object, const char *key, bool *out, struct error *err);
int field_int (json_t *object, const char *key, struct optional_int *out, struct error *err);
int field_uint32 (json_t *object, const char *key, uint32_t *out, struct error *err);
int field_object (json_t *object, const char *key, json_t **out, struct error *err);
int field_array (json_t *object, const char *key, json_t **out, struct error *err);

/* The result is NULL-terminated and lies in ARENA. */
int field_strings (json_t *object, const char *key, struct arena *arena, const char *const **out, struct error *err);

/* Refuses KEY, if it is there and neither null, false, empty nor 0, with the reason. */
int field_refuse (json_t *object, const char *key, const char *reason, struct error *err);

#endif
