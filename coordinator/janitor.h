/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_JANITOR_H
#define TREADLE_JANITOR_H

#include "duty.h"

/*
 * Finished runs are removed after their retention, and definitions that no
 * run has used for a day. Looks each minute, or as often as the shortest
 * retention asks for.
 */
struct janitor {
	struct duty duty;
};

void janitor_start(struct janitor *j, struct coordinator *c);
void janitor_stop(struct janitor *j);

#endif
