#include "document.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rewrites one number of LENGTH digits in place when it needs the 64th bit. */
static void
fold_unsigned (char *digits, size_t length)
{
  char copy[24], folded[24];
  unsigned long long value;
  int folded_length;

  if (length < 19 || length > 20)
    return;
  memcpy (copy, digits, length);
  copy[length] = '\0';
  errno = 0;
  value = strtoull (copy, NULL, 10);
  if (errno != 0 || value <= INT64_MAX)
    return;
  folded_length = snprintf (folded, sizeof folded, "%lld", (long long) value);
  if ((size_t) folded_length > length)
    return; /* Just above 2^63 the negative is a character longer: left for jansson to refuse. */
  memset (digits, ' ', length);
  memcpy (digits, folded, (size_t) folded_length);
}

static void
fold_big_integers (char *text, size_t length)
{
  bool in_string = false;

  for (size_t i = 0; i < length; i++)
    {
      size_t start = i;

      if (in_string && text[i] == '\\')
        i++;
      else if (text[i] == '"')
        in_string = !in_string;
      else if (!in_string && isdigit ((unsigned char) text[i]))
        {
          while (i < length && (isdigit ((unsigned char) text[i]) || strchr (".eE+-", text[i]) != NULL))
            i++;
          fold_unsigned (text + start, i - start);
          i--;
        }
    }
}

json_t *
document_parse (char *text, size_t length, const char *name, struct error *err)
{
  json_error_t parse_error;
  json_t *document;

  fold_big_integers (text, length);
  document = json_loadb (text, length, JSON_REJECT_DUPLICATES, &parse_error);
  if (document == NULL)
    {
      error_set (err, 0, "%s:%d:%d: %s", name, parse_error.line, parse_error.column, parse_error.text);
      return NULL;
    }
  if (!json_is_object (document))
    {
      json_decref (document);
      error_set (err, 0, "%s: must hold a JSON object", name);
      return NULL;
    }
  return document;
}
