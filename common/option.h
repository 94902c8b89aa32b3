/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_COMMON_OPTION_H
#define TREADLE_COMMON_OPTION_H

#include "treadle/config.h"

/*
 * Options as a table, made from options.def: how each is called, read and
 * shown. Where its value comes from is the business of config.c.
 */
enum option_type {
	OPTION_STRING,
	OPTION_SECRET,
	OPTION_BOOL,
	OPTION_INT,
	OPTION_SIZE,
	OPTION_DURATION,
	OPTION_CHOICE,
	OPTION_LIST,
};

struct option {
	const char *section, *key;
	enum option_type type;
	const char *initial, *min, *max;
	int readers; /* the sum of enum config_reader */
	size_t offset;
	const char *help;
};

struct option_section {
	const char *name, *help;
};

enum {
	OPTION_COUNT = 0
#define SECTION(name, help)
#define OPTION(section, key, type, initial, min, max, readers, help) +1
#define END(name)
#include "treadle/options.def"
#undef SECTION
#undef OPTION
#undef END
	,
	SECTION_COUNT = 0
#define SECTION(name, help) +1
#define OPTION(section, key, type, initial, min, max, readers, help)
#define END(name)
#include "treadle/options.def"
#undef SECTION
#undef OPTION
#undef END
};

extern const struct option option_table[OPTION_COUNT];
extern const struct option_section option_sections[SECTION_COUNT];

/* The three names of an option; each returns text. */
#define OPTION_NAME_MAX 64
const char *option_path(const struct option *o, char text[OPTION_NAME_MAX]);
const char *option_flag(const struct option *o, char text[OPTION_NAME_MAX]);
const char *option_variable(const struct option *o, char text[OPTION_NAME_MAX]);

/* Replaces the option's value in *config by the one that text stands for. */
int option_read(const struct option *o, struct slice text,
		struct config *config, struct error *err);
void option_clear(const struct option *o, struct config *config);

/* The value as one would write it; of a secret, what may be seen. */
void option_print(const struct option *o, const struct config *config,
		  struct buf *out);

#endif
