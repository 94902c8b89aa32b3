/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/redis_info.h"
#include "treadle/store.h"
#include "doctor.h"

/*
 * What surrounds the data: Redis' settings and health, its clock, the
 * library, the rights of the user that we came as, who is there.
 */
#define PROBES 9 /* round trips that are measured */
#define CLOCK_MS 2000
#define ROUND_TRIP_US 20000
#define FUNCTION_US 50000
static const struct slice none = {"", 0};

/* The answer if there is one; what is refused becomes a note. */
static const struct reply *readable(struct doctor *d, const struct reply *r,
				    const char *what)
{
	if (!r)
		return NULL;
	if (r->type != REPLY_ERROR)
		return r;
	finding(d, RIGHTS_UNREADABLE, SUBJECT(.key = slice_of(what)), "%.*s",
		TEXT(r->text));
	return NULL;
}

/* --- settings and health ------------------------------------------------- */

static void judge_memory(struct doctor *d, struct slice info)
{
	int64_t used = redis_info_int(info, "used_memory");
	int64_t max = redis_info_int(info, "maxmemory");
	struct slice policy = redis_info(info, "maxmemory_policy");
	struct subject about = {.key = SLICE("maxmemory")};
	char of[DURATION_TEXT_MAX], room[DURATION_TEXT_MAX];

	if (policy.len && !slice_is(policy, "noeviction"))
		finding(d, EVICTION, SUBJECT(.key = SLICE("maxmemory-policy")),
			"%.*s", TEXT(policy));
	if (max <= 0 || used < 0)
		return;
	size_format(used, of);
	size_format(max, room);
	if (used >= max)
		finding(d, MEMORY_FULL, &about, "%s used of %s", of, room);
	else if (used > max / 5 * 4)
		finding(d, MEMORY_SHORT, &about, "%s used of %s", of, room);
}

static void judge_files(struct doctor *d, struct slice info)
{
	static const char *const states[] = {"aof_last_write_status",
					     "aof_last_bgrewrite_status"};

	if (redis_info_int(info, "aof_enabled") == 0)
		finding(d, NOT_DURABLE, SUBJECT(.key = SLICE("appendonly")),
			"no");
	for (size_t i = 0; i < countof(states); i++) {
		struct slice state = redis_info(info, states[i]);
		if (state.len && !slice_is(state, "ok"))
			finding(d, WRITE_FAILED,
				SUBJECT(.key = slice_of(states[i])), "%.*s",
				TEXT(state));
	}
}

/* Snapshots matter only where there are to be some. */
static void judge_settings(struct doctor *d, struct slice info)
{
	const struct reply *r =
		readable(d,
			 ASK(d->reader, &d->arena, SLICE("CONFIG"),
			     SLICE("GET"), SLICE("*s*")),
			 "CONFIG GET");
	struct slice saved = redis_info(info, "rdb_last_bgsave_status");

	for (size_t i = 0; r && i + 1 < r->count; i += 2) {
		struct slice name = r->items[i].text;
		struct slice value = r->items[i + 1].text;
		if (slice_is(name, "appendfsync") && slice_is(value, "no") &&
		    redis_info_int(info, "aof_enabled") == 1)
			finding(d, FSYNC_NEVER, SUBJECT(.key = name), "no");
		if (slice_is(name, "save") && value.len && saved.len &&
		    !slice_is(saved, "ok"))
			finding(d, WRITE_FAILED,
				SUBJECT(.key = SLICE("rdb_last_bgsave_status")),
				"%.*s", TEXT(saved));
	}
}

/* "ip=10.0.0.7,port=6379,state=online,offset=1234,lag=1" */
static void judge_replica(struct doctor *d, struct slice line)
{
	struct slice rest = line, part, name;
	int64_t lag = 0;
	bool is_online = false;

	while (rest.len) {
		part = slice_cut(&rest, ',');
		name = slice_cut(&part, '=');
		if (slice_is(name, "state"))
			is_online = slice_is(part, "online");
		else if (slice_is(name, "lag"))
			slice_int(part, 0, INT64_MAX, &lag);
	}
	if (!is_online || lag > 10)
		finding(d, REPLICA_BEHIND, SUBJECT(.key = none), "%.*s",
			TEXT(line));
}

static void judge_replicas(struct doctor *d, struct slice info)
{
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "slave%d", i);
		struct slice line = redis_info(info, name);
		if (line.len)
			judge_replica(d, line);
	}
}

static void check_info(struct doctor *d)
{
	const struct reply *r =
		readable(d, ASK(d->reader, &d->arena, SLICE("INFO")), "INFO");

	if (!r)
		return;
	judge_memory(d, r->text);
	judge_files(d, r->text);
	judge_settings(d, r->text);
	judge_replicas(d, r->text);
}

/* --- clock and distance -------------------------------------------------- */

/*
 * Redis' time lies between when we asked and when we were answered: the
 * quickest answer says it best.
 */
static void check_clock(struct doctor *d)
{
	int64_t best_us = INT64_MAX, apart_ms = 0;

	for (int i = 0; i < PROBES; i++) {
		int64_t wall = clock_wall_ms(), begun = clock_monotonic_us();
		const struct reply *r =
			ASK(d->reader, &d->arena, SLICE("TIME"));
		int64_t took = clock_monotonic_us() - begun;
		int64_t s = 0, us = 0;
		if (!r || r->count != 2)
			return;
		slice_int(r->items[0].text, 0, INT64_MAX, &s);
		slice_int(r->items[1].text, 0, INT64_MAX, &us);
		if (took >= best_us)
			continue;
		best_us = took;
		apart_ms = s * 1000 + us / 1000 - (wall + took / 2000);
	}
	if (llabs(apart_ms) > CLOCK_MS + best_us / 1000)
		finding(d, CLOCK_DIFFERS, SUBJECT(.key = none),
			"Redis is %s by %lld ms",
			apart_ms > 0 ? "ahead" : "behind",
			(long long)llabs(apart_ms));
	if (best_us > ROUND_TRIP_US)
		finding(d, SLOW_ANSWER, SUBJECT(.key = none),
			"the quickest of %d answers took %lld ms", PROBES,
			(long long)best_us / 1000);
}

/* --- the library --------------------------------------------------------- */

static struct slice member(const struct reply *of, const char *name)
{
	for (size_t i = 0; i + 1 < of->count; i += 2) {
		if (slice_is(of->items[i].text, name))
			return of->items[i + 1].text;
	}
	return SLICE("");
}

/* The library is read, not called: what is wrong may be just that. */
static void check_library(struct doctor *d)
{
	const struct reply *r = readable(
		d,
		ASK(d->reader, &d->arena, SLICE("FUNCTION"), SLICE("LIST"),
		    SLICE("LIBRARYNAME"), SLICE("treadle"), SLICE("WITHCODE")),
		"FUNCTION LIST");
	struct slice code;

	if (!r)
		return;
	if (r->count == 0) {
		finding(d, LIBRARY_MISSING, SUBJECT(.key = none), "%s", "");
		return;
	}
	code = member(&r->items[0], "library_code");
	if (!slice_equal(code, store_library()))
		finding(d, LIBRARY_DIFFERS, SUBJECT(.key = none),
			"version %lld there, %lld here%s",
			(long long)store_library_version(code),
			(long long)store_library_version(store_library()),
			store_library_version(code) ==
					store_library_version(store_library())
				? ", and yet not the same"
				: "");
}

/* --- rights -------------------------------------------------------------- */

/* What the programs and the functions say, one command of each kind. */
static const char *const rights[] = {
	"fcall treadle_version 1 K",
	"fcall_ro treadle_version 1 K",
	"function load x",
	"xreadgroup group g c streams K >",
	"xread streams K 0",
	"time",
	"ping",
	"info memory",
	"exists K",
	"del K",
	"get K",
	"set K v px 1",
	"pttl K",
	"type K",
	"persist K",
	"lpush K v",
	"rpush K v",
	"lindex K 0",
	"lrange K 0 1",
	"llen K",
	"lset K 0 v",
	"copy K K",
	"unlink K",
	"ltrim K 0 1",
	"hget K f",
	"hset K f v",
	"hmget K f",
	"hdel K f",
	"hgetall K",
	"hexists K f",
	"hincrby K f 1",
	"hkeys K",
	"hlen K",
	"hstrlen K f",
	"sadd K m",
	"srem K m",
	"sismember K m",
	"smembers K",
	"zadd K 0 m",
	"zrem K m",
	"zscore K m",
	"zcard K",
	"zcount K 0 1",
	"zrange K 0 1",
	"zrangebyscore K 0 1",
	"zrevrangebylex K + -",
	"zrangebylex K - +",
	"xadd K * f v",
	"xack K g 0-1",
	"xdel K 0-1",
	"xlen K",
	"xrange K - +",
	"xrevrange K + -",
	"xpending K g",
	"xgroup create K g 0",
	"xinfo groups K",
};

static const struct reply *dry_run(struct doctor *d, struct slice user,
				   const char *right)
{
	struct slice words[16] = {SLICE("ACL"), SLICE("DRYRUN"), user};
	struct slice rest = slice_of(right);
	size_t count = 3;

	while (rest.len) {
		must(count < countof(words));
		words[count] = slice_cut(&rest, ' ');
		if (slice_is(words[count], "K"))
			words[count] = doctor_key(d, &d->arena, "probe", none);
		count++;
	}
	return reader_ask(d->reader, &d->arena, words, count);
}

static void check_rights(struct doctor *d)
{
	const struct reply *user = readable(
		d, ASK(d->reader, &d->arena, SLICE("ACL"), SLICE("WHOAMI")),
		"ACL WHOAMI");

	for (size_t i = 0; user && i < countof(rights); i++) {
		const struct reply *r = readable(
			d, dry_run(d, user->text, rights[i]), "ACL DRYRUN");
		if (!r)
			return;
		if (!slice_is(r->text, "OK"))
			finding(d, RIGHT_MISSING,
				SUBJECT(.key = slice_of(rights[i])), "%.*s",
				TEXT(r->text));
	}
}

/* --- slow functions ------------------------------------------------------ */

/* An item of SLOWLOG: [id, when, us, [word...], ...] */
static void check_slow(struct doctor *d)
{
	const struct reply *r =
		readable(d,
			 ASK(d->reader, &d->arena, SLICE("SLOWLOG"),
			     SLICE("GET"), SLICE("128")),
			 "SLOWLOG GET");

	for (size_t i = 0; r && i < r->count; i++) {
		const struct reply *item = &r->items[i];
		if (item->count < 4 || item->items[3].count < 2 ||
		    item->items[2].integer < FUNCTION_US ||
		    !slice_starts(item->items[3].items[1].text, "treadle_"))
			continue;
		finding(d, SLOW_FUNCTION,
			SUBJECT(.key = item->items[3].items[1].text), "%lld ms",
			(long long)item->items[2].integer / 1000);
	}
}

void doctor_server(struct doctor *d)
{
	check_info(d);
	check_clock(d);
	check_library(d);
	check_rights(d);
	check_slow(d);
}
