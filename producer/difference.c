/* SPDX-License-Identifier: MIT */
#include "difference.h"

struct comparison {
	struct buf at; /* the path, its parts behind dots */
	difference_fn *on_key;
	void *arg;
};

static void compare(struct comparison *c, jv before, jv after);

static void compare_member(struct comparison *c, jv key, jv before, jv after)
{
	size_t len = c->at.len;

	buf_addf(&c->at, "%s%s", len ? "." : "", jv_string_value(key));
	jv was = value_get(before, jv_string_value(key));
	jv is = value_get(after, jv_string_value(key));
	compare(c, was, is);
	jv_free(was);
	jv_free(is);
	buf_cut(&c->at, len);
}

/* Depth is bounded by that of documents (value.h). */
static void compare(struct comparison *c, jv before, jv after)
{
	struct members m;

	if (jv_get_kind(before) == JV_KIND_OBJECT &&
	    jv_get_kind(after) == JV_KIND_OBJECT) {
		jv both = jv_object_merge(jv_copy(before), jv_copy(after));
		members_init(&m, both);
		for (size_t i = 0; i < m.count; i++)
			compare_member(c, m.items[i].key, before, after);
		members_clear(&m);
		jv_free(both);
	} else if (jv_is_valid(before) != jv_is_valid(after) ||
		   !jv_equal(jv_copy(before), jv_copy(after))) {
		c->on_key(c->arg, c->at.data ? c->at.data : "", before, after);
	}
}

void differences(jv before, jv after, difference_fn *on_key, void *arg)
{
	struct comparison c = {.on_key = on_key, .arg = arg};

	buf_init(&c.at, 1 << 16);
	compare(&c, before, after);
	buf_clear(&c.at);
}
