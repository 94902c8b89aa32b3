/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "treadle/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(jv v, jv places)
{
	must(place_line(places) >= 1);
	if (jv_get_kind(v) != JV_KIND_ARRAY)
		return;
	for (int i = 0; i < jv_array_length(jv_copy(v)); i++) {
		jv item = jv_array_get(jv_copy(v), i);
		jv place = place_at(places, i);

		check_places(item, place);
		jv_free(item);
		jv_free(place);
	}
}

/* What is read is what JSON can say; what is refused, is with a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct error err;
	struct buf json;
	jv v, places, again;

	if (yaml_parse(text, &v, &places, &err) < 0) {
		must(err.kind == ERR_INPUT && err.text[0]);
		return 0;
	}
	check_places(v, places);
	buf_init(&json, 1 << 24);
	must(json_print(v, &json) == 0);
	must(json_parse(buf_slice(&json), &again, &err) == 0);
	must(jv_equal(v, again));
	jv_free(places);
	buf_clear(&json);
	return 0;
}
