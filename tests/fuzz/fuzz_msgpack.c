/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "treadle/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be stored and shown, and is the same in both forms. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	struct buf packed, json;
	struct error err;
	jv v, again;

	if (msgpack_parse(bytes, &v, &err) < 0) {
		must(err.kind == ERR_INPUT && err.text[0]);
		return 0;
	}
	buf_init(&packed, 1 << 24);
	buf_init(&json, 1 << 24);
	must(msgpack_print(v, &packed) == 0);
	must(msgpack_parse(buf_slice(&packed), &again, &err) == 0);
	must(jv_equal(jv_copy(v), again));
	must(json_print(v, &json) == 0);
	must(json_parse(buf_slice(&json), &again, &err) == 0);
	must(jv_equal(v, again));
	buf_clear(&packed);
	buf_clear(&json);
	return 0;
}
