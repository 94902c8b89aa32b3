/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/blobs.h"
#include "treadle/log.h"
#include "treadle/store_blob.h"

#include "core.h"
#include "crash.h"

#define GETS_MAX 8 /* parts that are fetched at a time */

/* A reference among what was taken, or in a list of that. */
struct place {
	size_t at;        /* among the reads */
	size_t from, len; /* of that text */
};

struct noted_blob {
	struct place place;
	struct blob blob;
	struct noted_blob *next; /* that was noted before */
};

/* A reference, and what it refers to. */
struct part {
	struct place place;
	struct blob blob;
	struct buf bytes;
};

struct transfer {
	uv_work_t work;            /* uses parts and sha256 */
	struct part *parts;        /* one to be written, or those to be read */
	size_t count, begun, busy; /* of those to be read */
	char sha256[65];
	bool has_failed;
	struct error err;

	struct attempt *attempt; /* NULL: it has left */
	struct worker *worker;
	struct taken *taken; /* in the attempt's arena */
};

static struct transfer *transfer_new(struct attempt *a, size_t count)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->work.data = t;
	t->parts = xcalloc(count, sizeof(*t->parts));
	t->attempt = a;
	t->worker = a->worker;
	a->transfer = t;
	return t;
}

static void transfer_free(struct transfer *t)
{
	for (size_t i = 0; i < t->count; i++)
		buf_clear(&t->parts[i].bytes);
	free(t->parts);
	free(t);
}

/* Its attempt, which goes on; NULL if there is none any more. */
static struct attempt *let_go(struct transfer *t)
{
	struct attempt *a = t->attempt;

	if (a)
		a->transfer = NULL;
	t->attempt = NULL;
	return a;
}

bool transfer_leave(struct attempt *a)
{
	if (!a->transfer)
		return false;
	a->transfer->attempt = NULL;
	a->transfer = NULL;
	return true;
}

/* --- putting ------------------------------------------------------------- */

bool transfer_is_wanted(const struct worker *w, size_t bytes)
{
	return blobs_have_place(w->blobs) &&
	       bytes > (size_t)w->config->blobs.inline_max;
}

static void end_put(struct transfer *t)
{
	struct attempt *a = let_go(t);
	struct part *part = &t->parts[0];
	struct buf reference;

	buf_init(&reference, BLOB_REFERENCE_MAX);
	if (a && part->blob.name[0] && !t->has_failed) {
		blob_print(&part->blob, &reference);
		report_bytes(a, buf_slice(&reference));
	} else if (a) {
		report_bytes(a, buf_slice(&part->bytes));
	}
	buf_clear(&reference);
	transfer_free(t);
}

/* A thread may be at the bytes, but it only reads them. */
void transfer_cut_short(struct attempt *a)
{
	struct transfer *t = a->transfer;

	let_go(t);
	report_bytes(a, buf_slice(&t->parts[0].bytes));
}

static void on_put(void *arg, const struct error *err)
{
	struct transfer *t = arg;
	struct attempt *a = t->attempt;

	t->has_failed = err;
	if (err && a)
		log_warn("output kept in redis",
			 ABOUT(.run = a->run, .step = a->name), "%s",
			 err->text);
	crash_point("after-blob");
	end_put(t);
}

/* Not held: whatever is said of the attempt's end will be refused. */
static void on_held(void *arg, struct slice name,
		    const struct redis_failure *failure)
{
	struct transfer *t = arg;

	if (failure || name.len == 0 || !t->attempt) {
		end_put(t);
		return;
	}
	memcpy(t->parts[0].blob.name, name.data, name.len);
	t->parts[0].blob.bytes = (int64_t)t->parts[0].bytes.len;
	blobs_put(t->worker->blobs, &t->parts[0].blob,
		  buf_slice(&t->parts[0].bytes), on_put, t);
}

static void on_hash(uv_work_t *work)
{
	struct transfer *t = work->data;

	sha256_hex(buf_slice(&t->parts[0].bytes), t->sha256);
}

static void on_hashed(uv_work_t *work, int status)
{
	struct transfer *t = work->data;
	struct attempt *a = t->attempt;

	must(status == 0);
	if (a)
		store_hold(t->worker->store, t->worker->id, &a->ref, t->sha256,
			   on_held, t);
	else
		end_put(t);
}

void transfer_put(struct attempt *a, struct slice output)
{
	struct transfer *t = transfer_new(a, 1);

	t->count = 1;
	buf_init(&t->parts[0].bytes, output.len);
	buf_add(&t->parts[0].bytes, output.data, output.len);
	a->state = ATTEMPT_STORING;
	must(uv_queue_work(t->worker->loop, &t->work, on_hash, on_hashed) == 0);
}

/* --- getting ------------------------------------------------------------- */

/* What was read stands for the references of one text, those from `first` on.
 * Returns how many these are. */
static size_t resolve(struct transfer *t, struct reply *reads, size_t first)
{
	struct slice *text = &reads[t->parts[first].place.at].text;
	struct buf whole;
	size_t at = 0, i = first;

	if (t->parts[first].place.len == text->len) {
		*text = buf_slice(&t->parts[first].bytes);
		return 1;
	}
	buf_init(&whole, SIZE_MAX / 4);
	for (; i < t->count && t->parts[i].place.at == t->parts[first].place.at;
	     i++) {
		const struct part *part = &t->parts[i];

		buf_add(&whole, text->data + at, part->place.from - at);
		buf_add(&whole, part->bytes.data, part->bytes.len);
		at = part->place.from + part->place.len;
	}
	buf_add(&whole, text->data + at, text->len - at);
	buf_clear(&t->parts[first].bytes);
	t->parts[first].bytes = whole;
	*text = buf_slice(&whole);
	return i - first;
}

static void end_get(struct transfer *t)
{
	struct attempt *a = let_go(t);

	if (a && t->has_failed) {
		attempt_prepared(a, &t->err);
	} else if (a) {
		struct reply *reads = (struct reply *)t->taken->reads;

		for (size_t i = 0; i < t->count;)
			i += resolve(t, reads, i);
		attempt_prepare(a, t->taken);
	}
	transfer_free(t);
}

static void on_got(void *arg, const struct error *err);

/* A few at a time, and no more once one has failed or nobody waits. */
static void get_next(struct transfer *t)
{
	while (t->begun < t->count && t->busy < GETS_MAX && t->attempt &&
	       !t->has_failed) {
		struct part *part = &t->parts[t->begun++];

		t->busy++;
		blobs_get(t->worker->blobs, &part->blob, &part->bytes, on_got,
			  t);
	}
}

static void on_got(void *arg, const struct error *err)
{
	struct transfer *t = arg;

	t->busy--;
	if (err && !t->has_failed)
		t->err = *err;
	t->has_failed = t->has_failed || err;
	get_next(t);
	if (t->busy == 0)
		end_get(t);
}

/* Whether the parts together are more than a step may read. */
static bool is_too_much(const struct transfer *t)
{
	int64_t max = t->worker->config->blobs.read_max, sum = 0;

	for (size_t i = 0; i < t->count; i++)
		sum += t->parts[i].blob.bytes;
	return sum > max;
}

void transfer_note(struct attempt *a, size_t at, size_t from,
		   struct slice result)
{
	struct noted_blob *noted;
	struct blob blob;

	if (!blob_parse(result, &blob))
		return;
	noted = arena_alloc(&a->arena, sizeof(*noted));
	*noted = (struct noted_blob){.place = {at, from, result.len},
				     .blob = blob,
				     .next = a->noted};
	a->noted = noted;
}

/* All that refers to blobs, in the order of the texts and within them. */
static size_t find_references(struct attempt *a, const struct taken *taken,
			      struct noted_blob **found)
{
	struct noted_blob *sorted = NULL;
	struct blob blob;
	size_t count = 0;

	for (size_t i = taken->reads_count; i-- > 0;) {
		struct slice text = taken->reads[i].text;
		struct noted_blob *next;

		if (blob_parse(text, &blob))
			transfer_note(a, i, 0, text);
		/* Those of the last text were noted last. */
		for (; a->noted && a->noted->place.at == i; a->noted = next) {
			next = a->noted->next;
			a->noted->next = sorted;
			sorted = a->noted;
			count++;
		}
	}
	*found = sorted;
	return count;
}

bool transfer_get(struct attempt *a, const struct taken *taken)
{
	struct noted_blob *found;
	size_t count = find_references(a, taken, &found);
	struct transfer *t;

	if (!count)
		return false;
	t = transfer_new(a, count);
	for (; found; found = found->next) {
		struct part *part = &t->parts[t->count++];

		*part = (struct part){.place = found->place,
				      .blob = found->blob};
		buf_init(&part->bytes, (size_t)found->blob.bytes + 1);
	}
	if (is_too_much(t)) {
		let_go(t);
		transfer_free(t);
		attempt_fail(a, FAILURE_TOO_LARGE,
			     "it reads more than blobs.read_max of big "
			     "values");
		return true;
	}
	t->taken = attempt_keep(a, taken);
	get_next(t);
	return true;
}
