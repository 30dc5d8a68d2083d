#ifndef GANTRY_RUNTIME_HOOKS_H
#define GANTRY_RUNTIME_HOOKS_H

#include "error.h"
#include "spec.h"
#include "state.h"

/* Runs the hooks of one point, one after the other, each with the container's state on its standard input. The first
 * that fails stops the rest. */
int hooks_run (const struct spec *spec, enum hook_point point, const struct state *state, enum status status,
               struct error *err);

bool hooks_exist (const struct spec *spec, enum hook_point point);

#endif
