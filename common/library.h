/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_LIBRARY_H
#define TREADLE_LIBRARY_H

#include "treadle/redis.h"

/*
 * The Lua library, as it is embedded in this program.
 */
struct slice library_text(void);
int64_t library_version(void); /* what treadle_version answers */
int64_t library_version_of(struct slice text); /* that a text says, or 0 */

/*
 * A command that puts it into Redis: in place of any other version, or only
 * where there is none.
 */
void library_load_command(struct command *c, bool replaces);

#endif
