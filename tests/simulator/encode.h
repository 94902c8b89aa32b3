/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_ENCODE_H
#define SIMULATOR_ENCODE_H

#include "world.h"

/* Begins the FCALL that a call is, the simulated time behind its arguments. */
void encode(const struct world *w, const struct call *c);

#endif
