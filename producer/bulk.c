/* SPDX-License-Identifier: MIT */
#include "bulk.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "bar.h"
#include "follow.h"
#include "input.h"
#include "lines.h"
#include "submission.h"

#define BATCHES 6 /* on their way, or being filled */
#define BATCH_BYTES_MAX                                                        \
	(4 << 20) /* of inputs; then it is sent, full or not                   \
		   */
#define KEY_ROOM 320
#define TRIES_MAX 3 /* of a batch whose definition is not there */

struct bulk;

enum batch_state { BATCH_FILLING, BATCH_SENT, BATCH_DONE };

/* Runs that go in one call. Its memory is used again and again. */
struct batch {
	struct bulk *bulk;
	enum batch_state state;
	size_t count;
	int tries;
	struct submission *subs;
	char (*ids)[RUN_ID_LEN + 1]; /* ours; afterwards those there are */
	char (*keys)[KEY_ROOM];      /* NULL where there are none */
	size_t *ends;                /* of each input, in inputs */
	struct buf inputs;           /* packed */
	bool *is_old;                /* the run was there before */
};

struct bulk {
	struct call *call;
	struct dialogue *dialogue;
	const struct workflow *workflow;
	struct lines lines;
	const char *key, *key_field;
	int64_t deadline_ms;
	bool is_uncached;
	size_t batch_max;
	bool is_quiet;
	struct batch batches[BATCHES];
	size_t first, used; /* a ring, in the order of the lines */
	bool is_read, is_failed, is_line_bad;
	struct error error; /* the first one */
	int64_t submitted, existing;
	struct bar bar;
};

static void pump(struct bulk *b);

static void fail(struct bulk *b, const struct error *err)
{
	if (!b->is_failed)
		b->error = *err;
	b->is_failed = b->is_read = true;
}

/* --- answers -----------------------------------------------------------------
 */

static void print_id(struct bulk *b, const struct batch *batch, size_t i)
{
	FILE *out = b->call->out.file;

	if (b->call->is_json)
		fprintf(out, "{\"run\":\"%s\",\"existed\":%s}\n", batch->ids[i],
			batch->is_old[i] ? "true" : "false");
	else if (!b->is_quiet)
		fprintf(out, "%s\n", batch->ids[i]);
}

/* Prints what is confirmed, in order, and frees the places. */
static void retire(struct bulk *b)
{
	while (b->used > 0 && b->batches[b->first].state == BATCH_DONE) {
		struct batch *batch = &b->batches[b->first];
		for (size_t i = 0; i < batch->count; i++)
			print_id(b, batch, i);
		batch->count = 0;
		b->first = (b->first + 1) % BATCHES;
		b->used--;
	}
}

static void send_batch(struct batch *batch);

static void on_defined(void *arg, const struct redis_failure *failure)
{
	struct batch *batch = arg;

	if (!failure) {
		send_batch(batch);
		return;
	}
	fail(batch->bulk, &failure->error);
	batch->count = 0;
	batch->state = BATCH_DONE;
	retire(batch->bulk);
	pump(batch->bulk);
}

static void take_answer(struct batch *batch, size_t i,
			const struct submitted *answer)
{
	struct bulk *b = batch->bulk;
	struct error err;

	must(answer->code != SUBMIT_UNDEFINED);
	if (answer->code == SUBMIT_CONFLICT) {
		submission_conflict(batch->keys[i], answer->run, &err);
		fail(b, &err);
		batch->ids[i][0] = '\0';
		return;
	}
	/* Our own id "exists" where the first answer was lost. */
	batch->is_old[i] = answer->code == SUBMIT_EXISTS &&
			   !slice_is(answer->run, batch->ids[i]);
	if (batch->is_old[i]) {
		must(answer->run.len == RUN_ID_LEN);
		memcpy(batch->ids[i], answer->run.data, RUN_ID_LEN);
	}
}

/* False where Redis knows the definition no more: FLUSHALL, a long pause. */
static bool is_defined(const struct submitted *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (answers[i].code == SUBMIT_UNDEFINED)
			return false;
	}
	return true;
}

/* Leaves out the runs that were refused. */
static void drop_refused(struct batch *batch)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->ids[i][0] == '\0')
			continue;
		memmove(batch->ids[kept], batch->ids[i], RUN_ID_LEN + 1);
		batch->is_old[kept++] = batch->is_old[i];
	}
	batch->count = kept;
}

static void on_submitted(void *arg, const struct submitted *answers,
			 size_t count, const struct redis_failure *failure)
{
	struct batch *batch = arg;
	struct bulk *b = batch->bulk;

	if (failure) {
		fail(b, &failure->error);
		batch->count = 0;
	} else if (!is_defined(answers, count) && ++batch->tries < TRIES_MAX) {
		/* Repeating the batch is safe: its ids are the same. */
		store_define(dialogue_store(b->dialogue), b->workflow,
			     dialogue_timeout_ms(b->dialogue), on_defined,
			     batch);
		return;
	}
	must(failure || count == batch->count);
	for (size_t i = 0; i < batch->count; i++)
		take_answer(batch, i, &answers[i]);
	drop_refused(batch);
	for (size_t i = 0; i < batch->count; i++)
		*(batch->is_old[i] ? &b->existing : &b->submitted) += 1;
	batch->state = BATCH_DONE;
	retire(b);
	pump(b);
}

static void send_batch(struct batch *batch)
{
	struct bulk *b = batch->bulk;

	batch->state = BATCH_SENT;
	for (size_t i = 0; i < batch->count; i++) {
		size_t begin = i > 0 ? batch->ends[i - 1] : 0;
		batch->subs[i] = (struct submission){
			.run = batch->ids[i],
			.digest = b->workflow->digest,
			.input = {buf_slice(&batch->inputs).data + begin,
				  batch->ends[i] - begin},
			.key = batch->keys ? batch->keys[i] : "",
			.deadline_ms = b->deadline_ms,
			.is_uncached = b->is_uncached,
		};
	}
	store_submit(dialogue_store(b->dialogue), batch->subs, batch->count,
		     dialogue_timeout_ms(b->dialogue), on_submitted, batch);
}

/* --- lines -------------------------------------------------------------------
 */

/* json_parse() counts lines from the one it was given. */
static int refuse_line(struct bulk *b, struct error *err)
{
	static const char own[] = "line 1, ";
	struct error plain = *err;
	const char *text = plain.text;

	if (strncmp(text, own, sizeof(own) - 1) == 0)
		text += sizeof(own) - 1;
	return error_set(err, ERR_INPUT, "%.128s:%lld: %.300s", b->lines.name,
			 (long long)b->lines.number, text);
}

/* The key of a run: --key with the line's number, or a member of its input. */
static int make_key(const struct bulk *b, jv input, char key[KEY_ROOM],
		    struct error *err)
{
	key[0] = '\0';
	if (b->key) {
		snprintf(key, KEY_ROOM, "%s/%lld", b->key,
			 (long long)b->lines.number);
	} else if (b->key_field) {
		jv member = answer_get(input, b->key_field);
		if (value_is_text(member))
			snprintf(key, KEY_ROOM, "%s", jv_string_value(member));
		else if (value_is_whole(member))
			snprintf(key, KEY_ROOM, "%.0f",
				 jv_number_value(member));
		else
			return error_set(err, ERR_INPUT,
					 "\"%.64s\" must be a text or a whole "
					 "number, to be the key",
					 b->key_field);
		return submission_check_key(slice_of(key), err);
	}
	return 0;
}

static int add_line(struct bulk *b, struct batch *batch, struct slice line,
		    struct error *err)
{
	size_t i = batch->count;
	jv input;

	if (json_parse(line, &input, err) != 0)
		return -1;
	if (jv_get_kind(input) != JV_KIND_OBJECT) {
		error_set(err, ERR_INPUT, "must be an object, is %s",
			  value_kind(input));
		jv_free(input);
		return -1;
	}
	if (workflow_pack_input(b->workflow, &input, &batch->inputs, err) != 0)
		return -1;
	int rc = batch->keys ? make_key(b, input, batch->keys[i], err) : 0;
	jv_free(input);
	if (rc != 0)
		return -1;
	run_id_new(0, batch->ids[i]);
	batch->ends[i] = batch->inputs.len;
	batch->count++;
	return 0;
}

/* The batch that is being filled, a new one, or NULL where all are busy. */
static struct batch *open_batch(struct bulk *b)
{
	if (b->used > 0) {
		size_t last = (b->first + b->used - 1) % BATCHES;
		if (b->batches[last].state == BATCH_FILLING)
			return &b->batches[last];
	}
	if (b->used == BATCHES)
		return NULL;
	struct batch *batch = &b->batches[(b->first + b->used++) % BATCHES];
	batch->state = BATCH_FILLING;
	batch->count = 0;
	batch->tries = 0;
	buf_reset(&batch->inputs);
	return batch;
}

static void send_open(struct bulk *b)
{
	if (b->used == 0)
		return;
	struct batch *batch = &b->batches[(b->first + b->used - 1) % BATCHES];
	if (batch->state != BATCH_FILLING)
		return;
	if (batch->count > 0) {
		send_batch(batch);
	} else {
		batch->state = BATCH_DONE;
		retire(b);
	}
}

/* Takes one more line; false where there is none to be taken now. */
static bool read_line(struct bulk *b, struct batch *batch)
{
	struct error err = {0};
	struct slice line;

	switch (lines_next(&b->lines, &line, &err)) {
	case LINES_HAVE:
		if (add_line(b, batch, line, &err) == 0)
			return true;
		refuse_line(b, &err);
		break;
	case LINES_WAIT:
		return false;
	case LINES_END:
		b->is_read = true;
		return false;
	case LINES_FAILED:
		break;
	}
	b->is_line_bad = !b->is_failed;
	fail(b, &err);
	return false;
}

static bool is_full(const struct bulk *b, const struct batch *batch)
{
	return batch->count == b->batch_max ||
	       batch->inputs.len >= BATCH_BYTES_MAX;
}

static void show(struct bulk *b)
{
	double share = -1;

	if (b->lines.size > 0)
		share = (double)b->lines.bytes / (double)b->lines.size;
	bar_update(&b->bar, b->submitted + b->existing, share);
}

/* Reads and sends until all batches are busy or there is nothing to read. */
static void pump(struct bulk *b)
{
	struct batch *batch;

	while (!b->is_read && (batch = open_batch(b))) {
		bool has_more = true;
		while (has_more && !is_full(b, batch))
			has_more = read_line(b, batch);
		if (is_full(b, batch))
			send_batch(batch);
		else
			break;
	}
	/* A part of a batch goes when nothing else is on its way. */
	if (b->is_read || b->used == 1)
		send_open(b);
	if (b->lines.is_waiting)
		fflush(b->call->out.file); /* nobody knows how long */
	show(b);
}

static void on_more(void *arg)
{
	pump(arg);
}

/* --- the whole ---------------------------------------------------------------
 */

static void batch_init(struct bulk *b, struct batch *batch)
{
	struct arena *a = &b->call->arena;
	size_t max = b->batch_max;

	batch->bulk = b;
	batch->subs = arena_calloc(a, max, sizeof(*batch->subs));
	batch->ids = arena_calloc(a, max, sizeof(*batch->ids));
	batch->ends = arena_calloc(a, max, sizeof(*batch->ends));
	batch->is_old = arena_calloc(a, max, sizeof(*batch->is_old));
	if (b->key || b->key_field)
		batch->keys = arena_calloc(a, max, sizeof(*batch->keys));
	buf_init(&batch->inputs, BATCH_BYTES_MAX + 2 * INPUT_SIZE_MAX);
}

/* What went wrong, and how far we had come. */
static int finish_failed(const struct bulk *b, struct error *err)
{
	long long all = (long long)(b->submitted + b->existing);
	const char *before = b->is_line_bad ? " before it" : "";

	if (all == 0)
		return error_set(err, b->error.kind,
				 "%.400s; nothing was submitted",
				 b->error.text);
	if (all == 1)
		return error_set(err, b->error.kind,
				 "%.400s; 1 run%s was submitted", b->error.text,
				 before);
	return error_set(err, b->error.kind,
			 "%.400s; %lld runs%s were submitted", b->error.text,
			 all, before);
}

static int finish(const struct bulk *b, struct error *err)
{
	const struct output *talk = &b->call->talk;
	long long all = (long long)(b->submitted + b->existing);

	if (b->is_failed)
		return finish_failed(b, err);
	if (dialogue_is_interrupted(b->dialogue)) {
		output_printf(talk, "interrupted; %lld runs were submitted\n",
			      all);
		return FOLLOW_INTERRUPTED;
	}
	if (b->existing > 0)
		output_printf(talk,
			      "%lld of %lld runs had been submitted before\n",
			      (long long)b->existing, all);
	return 0;
}

int bulk_submit(struct call *c, struct dialogue *d, const struct workflow *w,
		const char *path, struct error *err)
{
	struct bulk b = {.call = c, .dialogue = d, .workflow = w};

	b.key = call_text(c, "--key", NULL);
	b.key_field = call_text(c, "--key-field", NULL);
	b.is_quiet = call_has(c, "--quiet");
	b.is_uncached = call_has(c, "--no-cache");
	b.batch_max = (size_t)c->config->producer.batch;
	if (call_duration(c, "--deadline", &b.deadline_ms, err) != 0 ||
	    lines_start(&b.lines, dialogue_loop(d), path, on_more, &b, err) !=
		    0)
		return -1;
	for (size_t i = 0; i < BATCHES; i++)
		batch_init(&b, &b.batches[i]);
	bar_begin(&b.bar, &c->talk, "runs submitted");

	dialogue_hold(d);
	pump(&b);
	while (!b.is_read || b.used > 0) {
		uv_run(dialogue_loop(d), UV_RUN_ONCE);
		if (dialogue_is_interrupted(d) && !b.is_read) {
			b.is_read = true;
			pump(&b);
		}
	}
	bar_end(&b.bar);
	lines_stop(&b.lines);
	uv_run(dialogue_loop(d), UV_RUN_NOWAIT);
	for (size_t i = 0; i < BATCHES; i++)
		buf_clear(&b.batches[i].inputs);
	fflush(c->out.file);
	return finish(&b, err);
}
