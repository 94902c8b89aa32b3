/* SPDX-License-Identifier: MIT */
#include "treadle/workflow_link.h"

/*
 * From names to definitions. A definition that names those of all workflows
 * that it performs is a tree of hashes: it can't hold itself, and what hangs
 * from it never changes.
 */
int workflow_link(const struct workflow *w, const char *const *digests,
		  struct workflow **linked, struct error *err)
{
	struct buf canonical;
	jv document;

	if (msgpack_parse(w->canonical, &document, err) != 0)
		return -1;
	jv steps = jv_object_get(jv_copy(document), jv_string("steps"));
	for (size_t i = 0; i < w->steps_count; i++) {
		jv name = jv_string(w->steps[i].name);
		if (!w->steps[i].performs) {
			jv_free(name);
			continue;
		}
		jv step = jv_object_get(jv_copy(steps), jv_copy(name));
		step = jv_object_set(step, jv_string("definition"),
				     jv_string(digests[i]));
		steps = jv_object_set(steps, name, step);
	}
	document = jv_object_set(document, jv_string("steps"), steps);
	buf_init(&canonical, WORKFLOW_SIZE_MAX);
	int result =
		msgpack_print(document, &canonical) != 0
			? error_set(err, ERR_INPUT,
				    "with the definitions of all workflows "
				    "that it performs it is larger than "
				    "%d KiB: split it",
				    WORKFLOW_SIZE_MAX >> 10)
			: workflow_decode(buf_slice(&canonical), linked, err);
	buf_clear(&canonical);
	jv_free(document);
	return result;
}
