/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "crash.h"
#include "outcome.h"

enum {
	REFUSED_PAUSE_MS = 1000,
	BYTES_KEPT = 256 << 10,
	MANY = 2048,
	MANY_BYTES = 4 << 20,
};
#define BYTES_MAX (SIZE_MAX / 4) /* the slots are the bound */

static struct outbox *outbox_of(struct attempt *a, enum verb verb)
{
	return &a->worker->reports.outboxes[verb];
}

void reports_init(struct reports *r, struct worker *w)
{
	for (enum verb v = 0; v < VERB_COUNT; v++) {
		struct outbox *o = &r->outboxes[v];

		*o = (struct outbox){
			.worker = w, .verb = v, .batch_max = REPORT_MAX};
		buf_init(&o->gathering.bytes, BYTES_MAX);
		buf_init(&o->saying.bytes, BYTES_MAX);
	}
}

void reports_clear(struct reports *r)
{
	for (enum verb v = 0; v < VERB_COUNT; v++) {
		buf_clear(&r->outboxes[v].gathering.bytes);
		buf_clear(&r->outboxes[v].saying.bytes);
	}
}

size_t reports_count(const struct reports *r)
{
	size_t count = 0;

	for (enum verb v = 0; v < VERB_COUNT; v++) {
		const struct outbox *o = &r->outboxes[v];

		count += o->gathering.attempts.count +
			 o->saying.attempts.count + o->said_count;
	}
	return count;
}

bool reports_are_many(const struct reports *r)
{
	size_t bytes = 0;

	for (enum verb v = 0; v < VERB_COUNT; v++)
		bytes += r->outboxes[v].gathering.bytes.len +
			 r->outboxes[v].saying.bytes.len;
	return bytes > MANY_BYTES || reports_count(r) > MANY;
}

/* The bytes from `at` on to the end of the box are what the attempt tells. */
static void post(struct attempt *a, enum verb verb, size_t at)
{
	struct box *box = &outbox_of(a, verb)->gathering;

	a->state = ATTEMPT_ENDING;
	a->end.at = at;
	a->end.len = box->bytes.len - at;
	list_push(&box->attempts, a);
}

/* What it gives lies at the end of the box, from `at` on. */
static void post_done(struct attempt *a, size_t at, bool has_place)
{
	a->wants_heir = a->plan->may_have_heir && has_place;
	a->worker->reports.heirs += a->wants_heir;
	post(a, VERB_COMPLETE, at);
}

/* Owns output. Bounding the buffer spares a second one and a copy. */
static int add_output(struct buf *bytes, const struct attempt *a, jv output)
{
	int status;

	bytes->max = bytes->len + (size_t)a->worker->config->worker.output_max;
	status = msgpack_print(output, bytes);
	bytes->max = BYTES_MAX;
	bytes->is_full = false;
	jv_free(output);
	return status;
}

int report_done(struct attempt *a, jv output)
{
	struct buf *bytes = &outbox_of(a, VERB_COMPLETE)->gathering.bytes;
	size_t at = bytes->len;

	if (add_output(bytes, a, output) < 0) {
		bytes->len = at;
		return -1;
	}
	if (transfer_is_wanted(a->worker, bytes->len - at)) {
		transfer_put(a,
			     (struct slice){bytes->data + at, bytes->len - at});
		bytes->len = at;
	} else {
		post_done(a, at, true);
	}
	return 0;
}

int report_round(struct attempt *a, int64_t due_at, jv output)
{
	struct buf *bytes = &outbox_of(a, VERB_DEFER)->gathering.bytes;
	size_t at = bytes->len;

	buf_addf(bytes, "%d %d %d ", a->round, a->attempt - 1,
		 a->rounds_before);
	if (add_output(bytes, a, output) < 0) {
		bytes->len = at;
		return -1;
	}
	a->end.when = due_at;
	post(a, VERB_DEFER, at);
	return 0;
}

/* A child process leaves its place to an heir; this one has none now. */
void report_bytes(struct attempt *a, struct slice output)
{
	struct buf *bytes = &outbox_of(a, VERB_COMPLETE)->gathering.bytes;
	size_t at = bytes->len;

	buf_add(bytes, output.data, output.len);
	post_done(a, at, a->kind != &step_exec);
}

void report_recalled(struct attempt *a, struct slice output,
		     struct slice source)
{
	a->end.source = arena_copy(&a->arena, source).data;
	report_bytes(a, output);
}

void report_skipped(struct attempt *a)
{
	a->end.is_skipped = true;
	post(a, VERB_COMPLETE,
	     outbox_of(a, VERB_COMPLETE)->gathering.bytes.len);
}

void report_failed(struct attempt *a, const struct failure *f, int64_t delay_ms)
{
	struct buf *bytes = &outbox_of(a, VERB_FAIL)->gathering.bytes;
	size_t at = bytes->len;

	buf_add(bytes, f->detail.data, f->detail.len);
	a->end.class = f->class;
	a->end.code = f->code;
	a->end.when = delay_ms;
	post(a, VERB_FAIL, at);
}

void report_deferred(struct attempt *a, int64_t due_at, jv memo)
{
	struct buf *bytes = &outbox_of(a, VERB_DEFER)->gathering.bytes;
	size_t at = bytes->len;

	must(msgpack_print(memo, bytes) == 0);
	jv_free(memo);
	a->end.when = due_at;
	post(a, VERB_DEFER, at);
}

/* The id stands before the input, so that a repeat says the same one. */
void report_spawned(struct attempt *a, struct slice input)
{
	struct buf *bytes = &outbox_of(a, VERB_SPAWN)->gathering.bytes;
	size_t at = bytes->len;
	char id[RUN_ID_LEN + 1];

	run_id_new(0, id);
	buf_add(bytes, id, RUN_ID_LEN + 1);
	buf_add(bytes, input.data, input.len);
	post(a, VERB_SPAWN, at);
}

void report_released(struct attempt *a)
{
	struct buf *bytes = &outbox_of(a, VERB_RELEASE)->gathering.bytes;

	post(a, VERB_RELEASE, bytes->len);
}

/* An attempt, and what it tells, goes from one box into another. */
static void carry(struct box *to, const struct box *from, struct attempt *a)
{
	size_t at = to->bytes.len;

	buf_add(&to->bytes, from->bytes.data + a->end.at, a->end.len);
	a->end.at = at;
	list_push(&to->attempts, a);
}

/*
 * Refused for good: an answer of the library that we don't know how to mend.
 * Results are never thrown away: they are said again, but behind all others,
 * and in ever smaller calls, so that one bad end does not hold up the rest.
 */
static void put_back(struct outbox *o, const struct redis_failure *failure)
{
	struct box box = {.attempts = {0}};
	struct attempt *a;

	buf_init(&box.bytes, BYTES_MAX);
	while ((a = list_shift(&o->saying.attempts)))
		carry(&box, &o->saying, a);
	while ((a = list_shift(&o->gathering.attempts)))
		carry(&box, &o->gathering, a);
	for (size_t i = 0; i < o->said_count; i++)
		carry(&box, &o->saying, o->said[i]);
	buf_clear(&o->saying.bytes);
	buf_reset(&o->gathering.bytes);
	o->saying = box;
	o->batch_max = (o->said_count + 1) / 2;
	o->said_count = 0;
	if (failure->cause == REDIS_STOPPED)
		return;
	log_error("report refused", NULL, "%s: %s; tried again in %d ms",
		  outcome_verb(o->verb), failure->error.text, REFUSED_PAUSE_MS);
	o->not_before = clock_monotonic_ms() + REFUSED_PAUSE_MS;
	worker_wake_at(o->worker, o->not_before);
}

static struct slice bytes_of(const struct outbox *o, const struct attempt *a)
{
	return (struct slice){o->saying.bytes.data + a->end.at, a->end.len};
}

static void forget(struct attempt *a)
{
	a->worker->reports.heirs -= a->wants_heir;
	table_remove(&a->worker->table, a);
}

static void all_heard(struct outbox *o)
{
	o->said_count = 0;
	o->batch_max =
		o->batch_max < REPORT_MAX / 2 ? o->batch_max * 2 : REPORT_MAX;
}

static void on_ended(void *arg, const enum end_code *codes, size_t count,
		     const struct redis_failure *failure)
{
	struct outbox *o = arg;

	if (failure) {
		put_back(o, failure);
		return;
	}
	crash_point_of("after-", outcome_verb(o->verb), "");
	must(count == o->said_count);
	for (size_t i = 0; i < count; i++) {
		struct attempt *a = o->said[i];

		outcome_log(a, o->verb, codes[i], bytes_of(o, a));
		forget(a);
	}
	all_heard(o);
}

/* The attempt makes room for its heir, if it has one. */
static void end_completed(struct outbox *o, struct attempt *a,
			  const struct committed *c, bool is_wanted)
{
	struct attempt *heir = NULL;

	outcome_log(a, o->verb, c->code, bytes_of(o, a));
	if (c->code == END_COMMITTED || c->code == END_DUPLICATE)
		recall_keep(a, bytes_of(o, a));
	if (c->heir.len > 0)
		heir = take_heir(a, c->heir);
	forget(a);
	if (!heir)
		return;
	if (!is_wanted)
		heir->stop = STOP_DRAIN; /* it is handed back */
	attempt_taken(heir, &c->taken);
}

static void on_completed(void *arg, const struct committed *committed,
			 size_t count, const struct redis_failure *failure)
{
	struct outbox *o = arg;
	struct worker *w = o->worker;
	bool is_wanted =
		w->phase == WORKER_RUNNING && strcmp(o->said_as, w->id) == 0;

	if (failure) {
		put_back(o, failure);
		return;
	}
	crash_point("after-complete");
	must(count == o->said_count);
	for (size_t i = 0; i < count; i++)
		end_completed(o, o->said[i], &committed[i], is_wanted);
	all_heard(o);
}

/* Takes the next batch out of what is being said. */
static void choose(struct outbox *o)
{
	struct attempt *a;
	size_t size = 0;

	while ((a = o->saying.attempts.first) && o->said_count < o->batch_max) {
		if (a->index >= 0 && o->said_count >= REPORT_ITEMS_MAX)
			break;
		size += a->end.len;
		if (o->said_count > 0 && size > REPORT_SIZE_MAX)
			break;
		o->said[o->said_count++] = list_shift(&o->saying.attempts);
	}
}

static void say_complete(struct outbox *o)
{
	struct worker *w = o->worker;
	struct completion c[REPORT_MAX];

	for (size_t i = 0; i < o->said_count; i++) {
		struct attempt *a = o->said[i];

		c[i] = (struct completion){.ref = a->ref,
					   .output = bytes_of(o, a),
					   .is_skipped = a->end.is_skipped,
					   .source = a->end.source,
					   .wants_heir =
						   a->wants_heir &&
						   w->phase == WORKER_RUNNING};
	}
	memcpy(o->said_as, w->id, sizeof(o->said_as));
	store_complete(w->store, w->id, c, o->said_count, on_completed, o);
}

static void say_fail(struct outbox *o)
{
	struct fault f[REPORT_MAX];

	for (size_t i = 0; i < o->said_count; i++) {
		struct attempt *a = o->said[i];

		f[i] = (struct fault){.ref = a->ref,
				      .delay_ms = a->end.when,
				      .failure = {.class = a->end.class,
						  .code = a->end.code,
						  .retry_after_ms = -1,
						  .detail = bytes_of(o, a)},
				      .log = news_take_log(a)};
	}
	store_fail(o->worker->store, o->worker->id, f, o->said_count, on_ended,
		   o);
}

static void say_defer(struct outbox *o)
{
	struct deferral d[REPORT_MAX];

	for (size_t i = 0; i < o->said_count; i++)
		d[i] = (struct deferral){.ref = o->said[i]->ref,
					 .due_at = o->said[i]->end.when,
					 .memo = bytes_of(o, o->said[i])};
	store_defer(o->worker->store, o->worker->id, d, o->said_count, on_ended,
		    o);
}

static void say_spawn(struct outbox *o)
{
	struct spawning s[REPORT_MAX];

	for (size_t i = 0; i < o->said_count; i++) {
		struct attempt *a = o->said[i];
		struct slice bytes = bytes_of(o, a), input = bytes;

		input.data += RUN_ID_LEN + 1;
		input.len -= RUN_ID_LEN + 1;
		s[i] = (struct spawning){.ref = a->ref,
					 .child = bytes.data,
					 .input = input,
					 .deadline_ms = a->step->timeout_ms};
	}
	store_spawn(o->worker->store, o->worker->id, s, o->said_count, on_ended,
		    o);
}

static void say_release(struct outbox *o)
{
	struct step_ref refs[REPORT_MAX];

	for (size_t i = 0; i < o->said_count; i++)
		refs[i] = o->said[i]->ref;
	store_release(o->worker->store, o->worker->id, refs, o->said_count,
		      on_ended, o);
}

static void (*const say[VERB_COUNT])(struct outbox *o) = {
	[VERB_COMPLETE] = say_complete, [VERB_FAIL] = say_fail,
	[VERB_DEFER] = say_defer,       [VERB_SPAWN] = say_spawn,
	[VERB_RELEASE] = say_release,
};

/* All of the old box is said and answered: the new one becomes it. */
static void swap(struct outbox *o)
{
	struct box box = o->saying;

	o->saying = o->gathering;
	o->gathering = box;
	if (box.bytes.cap > BYTES_KEPT)
		buf_clear(&o->gathering.bytes);
	else
		buf_reset(&o->gathering.bytes);
}

static void flush(struct outbox *o)
{
	if (o->said_count > 0)
		return;
	if (o->saying.attempts.count == 0)
		swap(o);
	if (o->saying.attempts.count == 0 ||
	    (o->not_before > 0 && clock_monotonic_ms() < o->not_before))
		return;
	choose(o);
	crash_point_of("before-", outcome_verb(o->verb), "");
	say[o->verb](o);
	crash_later("after-", outcome_verb(o->verb), "-sent");
}

void reports_flush(struct worker *w)
{
	for (enum verb v = 0; v < VERB_COUNT; v++)
		flush(&w->reports.outboxes[v]);
}

static void drop(struct attempt_list *l)
{
	struct attempt *a;

	while ((a = list_shift(l)))
		forget(a);
}

void reports_drop(struct worker *w)
{
	for (enum verb v = 0; v < VERB_COUNT; v++) {
		struct outbox *o = &w->reports.outboxes[v];

		if (v == VERB_RELEASE)
			continue;
		drop(&o->saying.attempts);
		drop(&o->gathering.attempts);
		buf_reset(&o->gathering.bytes);
	}
}
