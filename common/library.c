/* SPDX-License-Identifier: MIT */
#include "library.h"

#include <string.h>

static const char library_lua[] = {
#include "library.inc"
};

#define VERSION_LINE "local VERSION = "

struct slice library_text(void)
{
	return (struct slice){library_lua, sizeof(library_lua)};
}

/* The version is written down once, in common/lua/head.lua. */
int64_t library_version_of(struct slice text)
{
	struct slice line;
	int64_t version = 0;

	while (text.len) {
		line = slice_cut(&text, '\n');
		if (!slice_starts(line, VERSION_LINE))
			continue;
		line.data += strlen(VERSION_LINE);
		line.len -= strlen(VERSION_LINE);
		if (slice_int(slice_trim(line), 1, INT32_MAX, &version) == 0)
			break;
	}
	return version;
}

int64_t library_version(void)
{
	int64_t version = library_version_of(library_text());

	must(version > 0);
	return version;
}

void library_load_command(struct command *c, bool replaces)
{
	command_init(c, "FUNCTION");
	command_text(c, "LOAD");
	if (replaces)
		command_text(c, "REPLACE");
	command_slice(c, library_text());
}
