/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_HEAD_H
#define TREADLE_TEST_HTTP_HEAD_H

#include <string.h>
#include <strings.h>

#include "treadle/text.h"

/* The lines of a request's head, one by one, and by name. */
static inline bool next_header(struct slice *head, struct slice *name,
			       struct slice *value)
{
	struct slice line = slice_cut(head, '\n');

	*name = slice_cut(&line, ':');
	*value = slice_trim(line);
	return name->len > 0;
}

static inline struct slice find_header(struct slice head, const char *wanted)
{
	struct slice name, value;

	while (next_header(&head, &name, &value))
		if (name.len == strlen(wanted) &&
		    strncasecmp(name.data, wanted, name.len) == 0)
			return value;
	return SLICE("");
}

#endif
