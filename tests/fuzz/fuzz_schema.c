/* SPDX-License-Identifier: MIT */
#include "treadle/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The input is a schema and a value, with a line end between them. The
 * schema is applied even if it is none.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {(const char *)data, size};
	struct slice first = slice_cut(&rest, '\n');
	struct error err;
	jv schema, value;

	if (size > 65536 || json_parse(first, &schema, &err) != 0)
		return 0;
	bool is_schema = schema_check(schema, jv_invalid(), NULL, &err) == 0;
	if (json_parse(rest, &value, &err) == 0) {
		bool fits = schema_apply(schema, &value, &err) == 0;
		/* With its defaults in place a value fits as it is. */
		must(!is_schema || !fits ||
		     schema_apply(schema, &value, &err) == 0);
		jv_free(value);
	}
	if (schema_read(schema, "a", rest, &value, &err) == 0)
		jv_free(value);
	jv_free(schema);
	return 0;
}
