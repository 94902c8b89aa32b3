/* SPDX-License-Identifier: MIT */
#include "treadle/schema.h"
#include "treadle/workflow_link.h"

/* What is asked of a workflow that was read. */

bool step_may_fail(const struct step *step)
{
	return step->is_tolerant || jv_is_valid(step->catches);
}

const struct step *workflow_find(const struct workflow *w, struct slice name)
{
	for (size_t i = 0; i < w->steps_count; i++)
		if (slice_is(name, w->steps[i].name))
			return &w->steps[i];
	return NULL;
}

bool workflow_is_unlinked(const struct workflow *w)
{
	for (size_t i = 0; i < w->steps_count; i++)
		if (w->steps[i].performs && !*w->steps[i].definition)
			return true;
	return false;
}

int workflow_pack_input(const struct workflow *w, jv *input, struct buf *out,
			struct error *err)
{
	size_t before = out->len;
	int rc = 0;

	if (jv_is_valid(w->input))
		rc = schema_apply(w->input, input, err);
	if (rc == 0 && jv_get_kind(*input) == JV_KIND_OBJECT &&
	    jv_object_length(jv_copy(*input)) == 0)
		return 0;
	if (rc == 0 && (msgpack_print(*input, out) != 0 ||
			out->len - before > INPUT_SIZE_MAX))
		rc = error_set(err, ERR_INPUT,
			       "the input is larger than %d KiB: put large "
			       "data into a file and name it in the input",
			       INPUT_SIZE_MAX >> 10);
	if (rc != 0) {
		jv_free(*input);
		*input = jv_invalid();
	}
	return rc;
}
