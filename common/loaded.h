/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_COMMON_LOADED_H
#define TREADLE_COMMON_LOADED_H

#include "treadle/config.h"

#include "option.h"

/*
 * What config_load() really gives: a configuration that remembers where each
 * value was found ("treadle.yaml:7", "TREADLE_WORKER_SLOTS", "--redis-url"),
 * NULL for a default. struct config comes first, so that one is the other.
 */
struct loaded {
	struct config config;
	char *origins[OPTION_COUNT];
};

#define CONFIG_FILE_DEFAULT "/etc/treadle/treadle.yaml"

#endif
