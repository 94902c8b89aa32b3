/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HEALTH_H
#define TREADLE_HEALTH_H

#include "treadle/base.h"

/*
 * Asks the coordinator that runs on this machine whether its loop turns: for
 * containers, which have neither shell nor curl. Blocks for some seconds at
 * the most.
 */
int health_ask(const char *listen, struct error *err);

#endif
