#ifndef GANTRY_RUNTIME_DOCUMENT_H
#define GANTRY_RUNTIME_DOCUMENT_H

#include "error.h"

#include <jansson.h>
#include <stddef.h>

/* Parses a JSON object. NAME is for messages. Integers between 2^63 and 2^64-1, which OCI allows for rlimits and
 * seccomp arguments and jansson does not, come out as the negative number with the same 64 bits. TEXT is modified. */
json_t *document_parse (char *text, size_t length, const char *name, struct error *err);

#endif
