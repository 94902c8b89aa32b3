/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "scan_data.h"

/*
 * All of a world against its model: everything that ought to be there is, and
 * nothing else. Each handler looks at one key.
 */

/* --- workers ----------------------------------------------------------------
 */

static struct model_worker *worker_named(struct world *w, const char *name)
{
	return model_worker_find(&w->model, number_behind(name, 1));
}

static void scan_leases(struct world *w, const struct reply *reply, int lost)
{
	size_t expected = 0;

	for (int i = 0; i < WORKERS_MAX; i++) {
		const struct model_worker *of = &w->model.workers[i];

		expected += of->number &&
			    (lost ? of->forget_at != 0 : of->is_leased);
	}
	for (size_t i = 0; i + 1 < reply->count; i += 2) {
		const char *name = reply_text(&reply->items[i]);
		const char *score = reply_text(&reply->items[i + 1]);
		struct model_worker *of = worker_named(w, name);
		int64_t at = of ? (lost ? of->forget_at : of->lease_ends) : 0;

		if (strtoll(score, NULL, 10) != at)
			world_broken(w, INVARIANT_S17,
				     "worker %s is %s at %s, not %" PRId64,
				     name, lost ? "forgotten" : "missed", score,
				     at);
	}
	scan_count(w, INVARIANT_S17, lost ? "lost workers" : "leases",
		   reply->count / 2, expected);
}

static void scan_worker(struct world *w, const struct reply *reply, int place)
{
	const struct model_worker *of = &w->model.workers[place];
	bool is_lost = reply_field(reply, "lost") != NULL;

	if (is_lost != of->is_lost || (reply->count > 0) != of->is_there)
		world_broken(w, INVARIANT_S17, "worker %d is %s%s", of->number,
			     reply->count ? "known" : "unknown",
			     is_lost ? ", and lost" : "");
}

static void scan_stops(struct world *w, const struct reply *reply, int place)
{
	const struct model_worker *of = &w->model.workers[place];

	scan_count(w, INVARIANT_S11, "orders to stop", reply->count,
		   (size_t)of->stop_count);
}

/* --- definitions ------------------------------------------------------------
 */

static void scan_definition(struct world *w, const struct reply *reply, int i)
{
	const struct model_definition *d = &w->model.definitions[i];
	char users[TEXT_MAX];

	snprintf(users, sizeof(users), "%d", d->runs);
	if (strcmp(reply_text(reply), d->is_there ? users : "") != 0)
		world_broken(w, INVARIANT_M2,
			     "definition %d is used by \"%s\" runs, not \"%s\"",
			     i, reply_text(reply), d->is_there ? users : "");
}

static void scan_idle(struct world *w, const struct reply *reply, int number)
{
	size_t expected = 0;

	(void)number;
	for (int i = 0; i < DEFINITIONS; i++) {
		const struct model_definition *d = &w->model.definitions[i];
		bool is_found = false;

		expected += d->is_idle;
		for (size_t k = 0; k + 1 < reply->count; k += 2)
			is_found = is_found ||
				   (strcmp(reply_text(&reply->items[k]),
					   d->shape->digest) == 0 &&
				    strtoll(reply_text(&reply->items[k + 1]),
					    NULL, 10) == d->idle_since);
		if (d->is_idle && !is_found)
			world_broken(w, INVARIANT_R1,
				     "definition %d is not idle since %" PRId64,
				     i, d->idle_since);
	}
	scan_count(w, INVARIANT_R1, "idle definitions", reply->count / 2,
		   expected);
}

/* --- keys -------------------------------------------------------------------
 */

/* Items and results of a step that has some. */
static bool is_list(struct world *w, const char *name)
{
	const char *at = strchr(name, ':');
	const struct model_run *r;
	char run[TEXT_MAX];
	int step;

	if ((strncmp(name, "items:", 6) != 0 &&
	     strncmp(name, "results:", 8) != 0) ||
	    strlen(at) != 29)
		return false;
	snprintf(run, sizeof(run), "%.26s", at + 1);
	r = model_run_find(&w->model, number_of_run(run));
	step = number_of_step(at + 28);
	return r && step >= 0 && step < r->shape->count &&
	       r->lists[step].kept > 0;
}

static bool is_of_run(struct world *w, const char *name)
{
	static const char *const kinds[] = {"run:", "out:", "log:"};

	for (size_t i = 0; i < countof(kinds); i++)
		if (strncmp(name, kinds[i], 4) == 0)
			return model_run_find(&w->model,
					      number_of_run(name + 4));
	return is_list(w, name);
}

static bool is_of_worker(struct world *w, const char *name)
{
	const struct model_worker *of;

	if (strncmp(name, "worker:", 7) == 0) {
		of = worker_named(w, name + 7);
		return of && of->is_there;
	}
	if (strncmp(name, "stop:", 5) != 0)
		return false;
	of = worker_named(w, name + 5);
	return of && of->stop_count > 0;
}

static bool is_of_definition(const struct world *w, const char *name)
{
	for (int i = 0; i < DEFINITIONS; i++) {
		const struct model_definition *d = &w->model.definitions[i];

		if (!d->is_there)
			continue;
		if ((strncmp(name, "def:", 4) == 0 &&
		     strcmp(name + 4, d->shape->digest) == 0) ||
		    (strncmp(name, "recent:", 7) == 0 &&
		     strcmp(name + 7, d->shape->name) == 0))
			return true;
	}
	return false;
}

static bool is_of_all(const char *name)
{
	static const char *const names[] = {
		"queues",       "paused",         "keys",
		"definitions",  "delayed",        "timer",
		"dead",         "runs:running",   "runs:done",
		"runs:failed",  "runs:cancelled", "finished",
		"workers",      "lost",           "counters",
		"lead:promote", "lead:reclaim",   "lead:sweep",
		"probe",        "queue:q0",       "queue:q1",
		"queue:q2",     "looked",         "simulated:expiry",
		"workflows",    "once:operator"};

	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "cache:", 6) == 0;
}

static void on_keyspace(struct world *w, const struct reply *reply, int number)
{
	char line[TEXT_MAX];
	const char *at;
	int keys, expires = 0;

	(void)number;
	snprintf(line, sizeof(line), "\ndb%d:", w->database);
	at = strstr(reply_text(reply), line);
	if (at)
		sscanf(at + strlen(line), "keys=%d,expires=%d", &keys,
		       &expires);
	if (expires > 0)
		world_broken(w, INVARIANT_R2, "%d keys end by themselves",
			     expires);
}

/* FNV-1a: what is to be mixed has a position-independent sum. */
static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 16777619u;
	return hash;
}

static void on_digest(struct world *w, const struct reply *reply, int hash)
{
	const char *digest =
		reply->count == 1 ? reply_text(&reply->items[0]) : "";

	w->digests_due--;
	w->digest +=
		random_mix((uint64_t)(uint32_t)hash << 32 | hash_of(digest));
}

static void on_keys(struct world *w, const struct reply *reply,
		    int wants_digest)
{
	char key[TEXT_MAX];
	size_t skip = strlen(world_key(w, key)) + 1;

	if (wants_digest) { /* other worlds have spoken since */
		world_select(w);
		w->digests_due += (int)reply->count - 1;
	}
	for (size_t i = 0; i < reply->count; i++) {
		const char *name = reply_text(&reply->items[i]);

		if (strncmp(name, key, skip - 1) != 0 ||
		    !(is_of_all(name + skip) || is_of_run(w, name + skip) ||
		      is_of_worker(w, name + skip) ||
		      is_of_definition(w, name + skip)))
			world_broken(w, INVARIANT_R1, "key %s is nobody's",
				     name);
		if (!wants_digest)
			continue;
		connection_sendf(w->connection, "DEBUG DIGEST-VALUE %s", name);
		expect(w, on_digest, (int)hash_of(name));
	}
}

/* --- the scan ---------------------------------------------------------------
 */

static void ask(struct world *w, on_reply_fn *on_reply, int number,
		const char *fmt, ...) PRINTF(4, 5);

static void ask(struct world *w, on_reply_fn *on_reply, int number,
		const char *fmt, ...)
{
	char command[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	connection_sendf(w->connection, "%s", command);
	expect(w, on_reply, number);
}

static void scan_lists(struct world *w, const char *key, int place, int step)
{
	const struct model_run *r = &w->model.runs[place];
	int number = place * STEPS_MAX + step;
	char name[TEXT_MAX];

	if (!r->shape->steps[step].is_each)
		return;
	name_run(name, r->number);
	ask(w, scan_items, number, "LRANGE %s:items:%s/%s 0 -1", key, name,
	    STEP_NAME(step));
	ask(w, scan_results, number, "LRANGE %s:results:%s/%s 0 -1", key, name,
	    STEP_NAME(step));
}

static void scan_runs(struct world *w)
{
	char name[TEXT_MAX], text[TEXT_MAX];
	const char *key = world_key(w, text);

	for (int i = 0; i < RUNS_MAX; i++) {
		if (!w->model.runs[i].number)
			continue;
		name_run(name, w->model.runs[i].number);
		ask(w, scan_run, i, "HGETALL %s:run:%s", key, name);
		ask(w, scan_output, i, "HGETALL %s:out:%s", key, name);
		ask(w, scan_log, i, "HGETALL %s:log:%s", key, name);
		for (int k = 0; k < w->model.runs[i].shape->count; k++)
			scan_lists(w, key, i, k);
	}
}

static void scan_queues(struct world *w)
{
	char name[TEXT_MAX], text[TEXT_MAX];
	const char *key = world_key(w, text);

	for (int q = 0; q < QUEUES; q++) {
		name_queue(name, q);
		ask(w, scan_stream, q, "XRANGE %s:queue:%s - +", key, name);
		ask(w, scan_pending, q, "XPENDING %s:queue:%s workers - + 1000",
		    key, name);
		if (w->phase == PHASE_OVER && (w->model.groups & (1u << q)))
			ask(w, scan_consumers, q,
			    "XINFO CONSUMERS %s:queue:%s workers", key, name);
	}
}

static void scan_indexes(struct world *w)
{
	char text[TEXT_MAX];
	const char *key = world_key(w, text);

	for (int s = 0; s < RUN_STATES; s++)
		ask(w, scan_index, s, "ZRANGE %s:runs:%s 0 -1", key,
		    run_state_name((enum run_state)s));
	ask(w, scan_delayed, 0, "ZRANGE %s:%s 0 -1 WITHSCORES", key, "delayed");
	ask(w, scan_finished, 0, "ZRANGE %s:%s 0 -1 WITHSCORES", key,
	    "finished");
	ask(w, scan_idle, 0, "ZRANGE %s:%s 0 -1 WITHSCORES", key,
	    "definitions");
	ask(w, scan_leases, 0, "ZRANGE %s:%s 0 -1 WITHSCORES", key, "workers");
	ask(w, scan_leases, 1, "ZRANGE %s:%s 0 -1 WITHSCORES", key, "lost");
	ask(w, scan_queue_set, 0, "SMEMBERS %s:%s", key, "queues");
	ask(w, scan_queue_set, 1, "SMEMBERS %s:%s", key, "paused");
	ask(w, scan_keys, 0, "HGETALL %s:%s", key, "keys");
	ask(w, scan_counters, 0, "HGETALL %s:%s", key, "counters");
	ask(w, scan_dead, 0, "XRANGE %s:%s - +", key, "dead");
}

void scan(struct world *w)
{
	char name[TEXT_MAX], text[TEXT_MAX];
	const char *key = world_key(w, text);

	w->figures->scans++;
	scan_runs(w);
	scan_queues(w);
	scan_indexes(w);
	for (int i = 0; i < WORKERS_MAX; i++) {
		if (!w->model.workers[i].number)
			continue;
		name_worker(name, w->model.workers[i].number);
		ask(w, scan_worker, i, "HGETALL %s:worker:%s", key, name);
		ask(w, scan_stops, i, "ZRANGE %s:stop:%s 0 -1", key, name);
	}
	for (int i = 0; i < DEFINITIONS; i++)
		ask(w, scan_definition, i, "HGET %s:def:%s runs", key,
		    w->model.definitions[i].shape->digest);
	connection_sendf(w->connection, "INFO keyspace");
	expect(w, on_keyspace, 0);
	connection_sendf(w->connection, "KEYS *");
	expect(w, on_keys, w->wants_digest);
	w->digests_due += w->wants_digest;
	w->wants_digest = false;
}
