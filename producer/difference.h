/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_DIFFERENCE_H
#define PRODUCER_DIFFERENCE_H

#include "treadle/value.h"

/*
 * What differs between two outlines (outline.h), key by key. Calls on_key
 * for each key that was added, removed or changed, with where it is
 * ("steps.paint.timeout") and both values, the one that is missing invalid.
 * All is borrowed.
 */
typedef void difference_fn(void *arg, const char *at, jv before, jv after);
void differences(jv before, jv after, difference_fn *on_key, void *arg);

#endif
