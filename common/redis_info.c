/* SPDX-License-Identifier: MIT */
#include "treadle/redis_info.h"

struct slice redis_info(struct slice info, const char *name)
{
	while (info.len) {
		struct slice line = slice_cut(&info, '\n');

		if (slice_is(slice_cut(&line, ':'), name))
			return slice_trim(line);
	}
	return SLICE("");
}

int64_t redis_info_int(struct slice info, const char *name)
{
	int64_t number = -1;

	slice_int(redis_info(info, name), 0, INT64_MAX, &number);
	return number;
}
