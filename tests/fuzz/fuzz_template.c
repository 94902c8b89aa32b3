/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "treadle/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_read(void *arg, const char *step)
{
	size_t *total = arg;

	*total += step ? strlen(step) : 1;
}

/*
 * The whole input is one text. What needs jq is only scanned: the engine is
 * not ours to fuzz, and takes 20 ms for each program.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct error err;
	jv value;

	if (size > 65536 || !text_is_utf8(text))
		return 0;
	jv source = jv_string_sized(text.data, (int)text.len);
	struct template *t = template_new(source, false, &err);
	jv_free(source);
	if (!t)
		return 0;
	size_t total = 0;
	bool input;
	template_reads(t, on_read, &total, &input);
	jv scope = jv_object_set(jv_object(), jv_string("input"),
				 JV_ARRAY(jv_number(1), jv_string("x")));
	if (template_is_plain(t) &&
	    template_expand(t, scope, &value, &err) == 0)
		jv_free(value);
	jv_free(scope);
	template_free(t);
	return 0;
}
