#include "field.h"

/* The member, or NULL when it is missing or null. */
static json_t *
member (json_t *object, const char *key)
{
  json_t *value = json_object_get (object, key);
  return json_is_null (value) ? NULL : value;
}

static int
wrong_type (const char *key, const char *expected, struct error *err)
{
  return error_set (err, 0, "\"%s\" must be %s", key, expected);
}

int
field_string (json_t *object, const char *key, const char **out, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL)
    return 0;
  if (!json_is_string (value))
    return wrong_type (key, "a string", err);
  *out = json_string_value (value);
  return 0;
}

int
field_bool (json_t *object, const char *key, bool *out, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL)
    return 0;
  if (!json_is_boolean (value))
    return wrong_type (key, "true or false", err);
  *out = json_is_true (value);
  return 0;
}

int
field_int (json_t *object, const char *key, struct optional_int *out, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL)
    return 0;
  if (!json_is_integer (value))
    return wrong_type (key, "an integer", err);
  out->set = true;
  out->value = json_integer_value (value);
  return 0;
}

int
field_uint32 (json_t *object, const char *key, uint32_t *out, struct error *err)
{
  struct optional_int value = { false, 0 };

  if (field_int (object, key, &value, err) < 0)
    return -1;
  if (!value.set)
    return 0;
  if (value.value < 0 || value.value > UINT32_MAX)
    return wrong_type (key, "between 0 and 4294967295", err);
  *out = (uint32_t) value.value;
  return 0;
}

int
field_object (json_t *object, const char *key, json_t **out, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL)
    return 0;
  if (!json_is_object (value))
    return wrong_type (key, "an object", err);
  *out = value;
  return 0;
}

int
field_array (json_t *object, const char *key, json_t **out, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL)
    return 0;
  if (!json_is_array (value))
    return wrong_type (key, "an array", err);
  *out = value;
  return 0;
}

int
field_strings (json_t *object, const char *key, struct arena *arena, const char *const **out, struct error *err)
{
  json_t *array = NULL, *item;
  const char **strings;
  size_t i;

  if (field_array (object, key, &array, err) < 0)
    return -1;
  if (array == NULL)
    return 0;
  strings = arena_calloc (arena, json_array_size (array) + 1, sizeof *strings);
  json_array_foreach (array, i, item)
    {
      if (!json_is_string (item))
        return wrong_type (key, "an array of strings", err);
      strings[i] = json_string_value (item);
    }
  *out = strings;
  return 0;
}

static bool
is_empty (json_t *value)
{
  switch (json_typeof (value))
    {
    case JSON_OBJECT:
      return json_object_size (value) == 0;
    case JSON_ARRAY:
      return json_array_size (value) == 0;
    case JSON_STRING:
      return json_string_length (value) == 0;
    case JSON_INTEGER:
      return json_integer_value (value) == 0;
    case JSON_REAL:
    case JSON_TRUE:
      return false;
    default:
      return true;
    }
}

int
field_refuse (json_t *object, const char *key, const char *reason, struct error *err)
{
  json_t *value = member (object, key);

  if (value == NULL || is_empty (value))
    return 0;
  return error_set (err, 0, "\"%s\" is not supported: %s", key, reason);
}
