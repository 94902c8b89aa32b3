/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SECRET_H
#define TREADLE_SECRET_H

#include "treadle/value.h"

/*
 * Marks that stand for secrets until the last moment. template_reveal(),
 * template_key() and template_set_key() (treadle/template.h) are here too.
 */

/* What stands in ${ }, if it is "secret:NAME"; else the empty slice. */
struct slice secret_name(struct slice expression);

/* The mark of a secret, a text. */
jv secret_mark(struct slice name);

#endif
