/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CONFIG_H
#define TREADLE_CONFIG_H

#include <stdio.h>

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Configuration: default < file < environment < flag.
 *
 * Declared once in options.def. Section redis, key url is redis.url in YAML,
 * TREADLE_REDIS_URL in the environment, --redis-url on the command line and
 * config.redis.url in C. The file is named by --config or TREADLE_CONFIG;
 * an unknown key, anywhere, is an error that names the nearest known one.
 */
struct text_list {
	char **items;
	size_t count;
};

/* The C type of each option type. */
typedef char *CONFIG_STRING, *CONFIG_SECRET, *CONFIG_CHOICE;
typedef bool CONFIG_BOOL;
typedef int64_t CONFIG_INT, CONFIG_SIZE, CONFIG_DURATION; /* bytes, ms */
typedef struct text_list CONFIG_LIST;

struct config {
#define SECTION(name, help) struct {
#define OPTION(section, key, type, initial, min, max, readers, help)           \
	CONFIG_##type key;
#define END(name)                                                              \
	}                                                                      \
	name;
#include "treadle/options.def"
#undef SECTION
#undef OPTION
#undef END
};

enum config_reader {
	CONFIG_WORKER = 1,
	CONFIG_COORDINATOR = 2,
	CONFIG_PRODUCER = 4
};

/*
 * Reads the options of one program. argv holds its arguments without the
 * program's name; options are taken out of it ("--redis-url URL" and
 * "--redis-url=URL"), all else is kept in order, *argc is what remains. "--"
 * ends options and is removed. Flags that are not options of the reader stay
 * in argv as well, for the caller to take or refuse. Gives *config.
 */
int config_load(enum config_reader reader, int *argc, char **argv,
		struct config **config, struct error *err);
void config_free(struct config *config);

/* The nearest flag to a wrong one, or NULL: "--slots" for "--slot". */
const char *config_nearest_flag(enum config_reader reader, const char *wrong);

/* The options of one reader for --help: flag, default, meaning. */
void config_help(enum config_reader reader, FILE *out);
/* Each option's value and where it comes from; secrets masked. */
void config_explain(const struct config *config, enum config_reader reader,
		    FILE *out);
/* The annotated file with all defaults: config/treadle.yaml. */
void config_defaults(FILE *out);
/* The reference page in Markdown: docs/CONFIG.md. */
void config_reference(FILE *out);

#endif
