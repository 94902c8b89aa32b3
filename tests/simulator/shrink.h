/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_SHRINK_H
#define SIMULATOR_SHRINK_H

#include "world.h"

/*
 * Prints the shortest list of actions that we find which still breaks what
 * broke in a world, told as a story. Nothing else may be on the connection.
 */
void shrink(const struct world *failed, uint64_t seed);

#endif
