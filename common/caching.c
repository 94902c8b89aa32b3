/* SPDX-License-Identifier: MIT */
#include "caching.h"

#include <stdio.h>

#include "form.h"
#include "treadle/clock.h"

#define SECOND INT64_C(1000)
#define DAY (24 * 3600 * SECOND)
#define TTL_DEFAULT DAY
#define TTL_MAX (30 * DAY)

void caching_init(struct caching *c)
{
	*c = (struct caching){.key = jv_invalid()};
}

void caching_clear(struct caching *c)
{
	jv_free(c->key);
}

/* cache: 1h */
static int read_short(struct caching *c, struct spot s, const char *what,
		      struct error *err)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];

	if (!value_is_text(s.value) ||
	    duration_parse(value_text(s.value), &c->ttl_ms) != 0)
		return spot_complain(s, err,
				     "%scache must be true, a duration such as "
				     "\"1h\", or a map with key and ttl, is %s",
				     what, value_kind(s.value));
	if (c->ttl_ms < SECOND || c->ttl_ms > TTL_MAX)
		return spot_complain(s, err, "%scache must be from %s to %s",
				     what, duration_format(SECOND, least),
				     duration_format(TTL_MAX, most));
	return 0;
}

/* cache: {key: "${.input.url}", ttl: 1h} */
static int read_map(struct caching *c, struct spot s, const char *what,
		    struct error *err)
{
	static const char *const keys[] = {"key", "ttl"};
	struct spot key = spot_get(s, "key");
	char at[128];
	struct form f = {.map = s, .what = at, .err = err};

	snprintf(at, sizeof(at), "%scache: ", what);
	if (spot_check_keys(s, at, keys, countof(keys), err) != 0)
		return -1;
	snprintf(at, sizeof(at), "%scache.", what);
	if (form_duration(&f, "ttl", SECOND, TTL_MAX, &c->ttl_ms) != 0)
		return -1;
	if (jv_get_kind(key.value) == JV_KIND_NULL)
		return spot_complain(key, err,
				     "%skey is empty: give it an expression, "
				     "or remove it",
				     at);
	c->key = jv_copy(key.value);
	return 0;
}

/* What the output alone does not stand for is not kept. */
static int check_kind(enum step_kind kind, struct spot step, struct spot s,
		      const char *what, struct error *err)
{
	struct spot params = spot_get(step, step_kind_text(kind));

	if (kind != STEP_exec && kind != STEP_http)
		return spot_complain(s, err,
				     "%scache is for exec and http, which cost "
				     "more than asking for what they gave: "
				     "remove it",
				     what);
	if (!spot_is_absent(spot_get(step, "compensate")))
		return spot_complain(
			s, err,
			"%scache can't stand beside compensate, which "
			"would undo what another run has done: "
			"remove one of both",
			what);
	if (!spot_is_absent(spot_get(step, "repeat")))
		return spot_complain(s, err,
				     "%scache can't stand beside repeat, whose "
				     "rounds look what has changed: remove one "
				     "of both",
				     what);
	if (kind == STEP_http && jv_get_kind(params.value) == JV_KIND_OBJECT &&
	    !spot_is_absent(spot_get(params, "download")))
		return spot_complain(s, err,
				     "%scache can't keep a download, whose "
				     "output only names a file: remove one of "
				     "both",
				     what);
	return 0;
}

int caching_read(struct caching *c, enum step_kind kind, struct spot step,
		 const char *what, struct error *err)
{
	struct spot s = spot_get(step, "cache");
	jv_kind form = jv_get_kind(s.value);

	if (spot_is_absent(s) || form == JV_KIND_FALSE)
		return 0;
	if (check_kind(kind, step, s, what, err) != 0)
		return -1;
	c->ttl_ms = TTL_DEFAULT;
	if (form == JV_KIND_TRUE)
		return 0;
	if (form == JV_KIND_OBJECT)
		return read_map(c, s, what, err);
	return read_short(c, s, what, err);
}

jv caching_print(const struct caching *c, jv step)
{
	jv cache;

	if (c->ttl_ms == 0)
		return step;
	cache = jv_object_set(jv_object(), jv_string("ttl"),
			      jv_number((double)c->ttl_ms));
	if (jv_is_valid(c->key))
		cache = jv_object_set(cache, jv_string("key"), jv_copy(c->key));
	return jv_object_set(step, jv_string("cache"), cache);
}

int caching_build(struct step *step, jv stored, struct error *err)
{
	struct spot map = {.value = stored, .place = jv_invalid()};
	struct spot cache = spot_get(map, "cache");
	struct form f = {.map = cache, .what = "cache.", .err = err};

	if (spot_is_absent(cache))
		return 0;
	if (jv_get_kind(cache.value) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "\"cache\" is unsupported");
	if (form_whole(&f, "ttl", SECOND, TTL_MAX, &step->cache_ms) != 0)
		return -1;
	if (step->cache_ms == 0)
		return error_set(err, ERR_INPUT, "cache has no ttl");
	step->cache_source = jv_copy(spot_get(cache, "key").value);
	if (!jv_is_valid(step->cache_source))
		return 0;
	step->cache_key = template_new(step->cache_source, false, err);
	return step->cache_key ? 0 : -1;
}
