/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "treadle/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be printed, and what is printed reads back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct buf first, second;
	struct error err;
	jv v, again;

	if (json_parse(text, &v, &err) < 0) {
		must(err.kind == ERR_INPUT && err.text[0]);
		return 0;
	}
	buf_init(&first, 1 << 24);
	buf_init(&second, 1 << 24);
	must(json_print(v, &first) == 0);
	must(json_parse(buf_slice(&first), &again, &err) == 0);
	must(json_print(again, &second) == 0);
	must(slice_equal(buf_slice(&first), buf_slice(&second)));
	must(jv_equal(v, again));
	buf_clear(&first);
	buf_clear(&second);
	return 0;
}
