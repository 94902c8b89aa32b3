/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_OUTLINE_H
#define PRODUCER_OUTLINE_H

#include "treadle/workflow.h"

/*
 * A definition as somebody would write it, from its stored form: an object
 * with name, description, deadline, input, defaults (those of the output),
 * steps, finally, output. All defaults are filled in. What outline_print()
 * gives is YAML; read again, it is the same definition.
 */
jv outline_of(const struct workflow *w);
void outline_print(jv outline, struct buf *out);

/* Any value as YAML, each line behind the text `margin`. */
void outline_value(jv value, const char *margin, struct buf *out);

#endif
