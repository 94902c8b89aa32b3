/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_INFO_H
#define TREADLE_REDIS_INFO_H

#include "treadle/text.h"

/*
 * What the answer to INFO says of a name: empty, or -1, where it says nothing
 * that fits. Borrows from info.
 */
struct slice redis_info(struct slice info, const char *name);
int64_t redis_info_int(struct slice info, const char *name);

#endif
