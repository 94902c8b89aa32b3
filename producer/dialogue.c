/* SPDX-License-Identifier: MIT */
#include "dialogue.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/blobs.h"
#include "treadle/crypto.h"
#include "treadle/loop.h"
#include "answer.h"
#include "call.h"

#define PREFIX_MIN 4
#define BLOB_SHOWN_MAX ((size_t)64 << 20)
#define EXPLAIN_MAX (1 << 20)
#define COMPLAIN_MS 1000

struct dialogue {
	uv_loop_t loop;
	uv_timer_t timer;
	uv_signal_t on_int, on_term;
	struct store *store;
	const struct config *config;
	struct blobs *blobs; /* NULL before they are needed */
	int64_t timeout_ms;
	bool is_explained, is_held, is_interrupted;
	bool is_open, is_stopped, is_woken, has_complained;
	struct error error; /* of the opening */
};

static void on_open(void *arg, const struct error *err)
{
	struct dialogue *d = arg;

	if (err)
		d->error = *err;
	d->is_open = true;
}

static void on_stopped(void *arg)
{
	struct dialogue *d = arg;

	d->is_stopped = true;
}

static void on_blobs_stopped(void *arg)
{
	(void)arg;
}

/*
 * On a terminal somebody sits and waits: after a second, say for what. The
 * line is wiped off when it is over.
 */
static void on_still_closed(uv_timer_t *timer)
{
	struct dialogue *d = timer->data;
	const struct error *reason = redis_reason(store_redis(d->store));
	struct output talk;
	struct buf line;

	output_init(&talk, stderr);
	if (!reason || !talk.is_terminal)
		return;
	buf_init(&line, 2 * sizeof(reason->text));
	output_addf(&talk, &line, STYLE_PLAIN, "trying: %s", reason->text);
	struct slice shown =
		output_fit(&talk, buf_slice(&line), (size_t)talk.width - 1);
	fprintf(stderr, "\r\033[K%.*s", (int)shown.len, shown.data);
	buf_clear(&line);
	d->has_complained = true;
}

static void await_open(struct dialogue *d)
{
	d->timer.data = d;
	uv_timer_start(&d->timer, on_still_closed, COMPLAIN_MS, COMPLAIN_MS);
	while (!d->is_open)
		uv_run(&d->loop, UV_RUN_ONCE);
	uv_timer_stop(&d->timer);
	if (d->has_complained)
		fputs("\r\033[K", stderr);
}

struct dialogue *dialogue_open(const struct config *config, bool is_explained,
			       struct error *err)
{
	struct dialogue *d = xcalloc(1, sizeof(*d));

	if (loop_init(&d->loop, err) < 0) {
		free(d);
		return NULL;
	}
	uv_timer_init(&d->loop, &d->timer);
	uv_signal_init(&d->loop, &d->on_int);
	uv_signal_init(&d->loop, &d->on_term);
	d->is_explained = is_explained;
	d->timeout_ms = config->redis.timeout;
	d->config = config;
	d->store = store_start(&d->loop, config, "treadle", d->timeout_ms,
			       on_open, d);
	if (!is_explained)
		await_open(d);
	if (d->error.kind != ERR_NONE) {
		if (err)
			*err = d->error;
		dialogue_close(d);
		return NULL;
	}
	return d;
}

void dialogue_close(struct dialogue *d)
{
	if (!d)
		return;
	store_stop(d->store, on_stopped, d);
	if (d->blobs)
		blobs_stop(d->blobs, on_blobs_stopped, NULL);
	uv_close((uv_handle_t *)&d->timer, NULL);
	uv_close((uv_handle_t *)&d->on_int, NULL);
	uv_close((uv_handle_t *)&d->on_term, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	must(d->is_stopped);
	loop_close(&d->loop);
	free(d);
}

uv_loop_t *dialogue_loop(struct dialogue *d)
{
	return &d->loop;
}

struct store *dialogue_store(struct dialogue *d)
{
	return d->store;
}

int64_t dialogue_timeout_ms(const struct dialogue *d)
{
	return d->timeout_ms;
}

bool dialogue_is_explained(const struct dialogue *d)
{
	return d->is_explained;
}

struct asking {
	bool is_answered;
	jv answer;
	struct error error;
};

static void on_answer(void *arg, jv answer, const struct error *err)
{
	struct asking *a = arg;

	if (err)
		a->error = *err;
	a->answer = jv_copy(answer);
	a->is_answered = true;
}

int dialogue_ask(struct dialogue *d, enum store_function f,
		 const struct slice *args, size_t count, jv *answer,
		 struct error *err)
{
	struct asking a = {.answer = jv_invalid()};

	*answer = jv_invalid();
	if (d->is_explained) {
		struct buf line;
		buf_init(&line, EXPLAIN_MAX);
		store_explain(d->store, f, args, count, &line);
		puts(line.data);
		buf_clear(&line);
		return CALL_EXPLAINED;
	}

	store_ask(d->store, f, args, count, d->timeout_ms, on_answer, &a);
	while (!a.is_answered)
		uv_run(&d->loop, UV_RUN_ONCE);
	if (a.error.kind != ERR_NONE) {
		jv_free(a.answer);
		return error_set(err, a.error.kind, "%s", a.error.text);
	}
	*answer = a.answer;
	return 0;
}

int dialogue_tell(struct dialogue *d, enum store_function f,
		  const struct slice *args, size_t count, struct error *err)
{
	jv answer;
	int rc = dialogue_ask(d, f, args, count, &answer, err);

	jv_free(answer);
	return rc;
}

static int refuse_ambiguous(const char *prefix, jv found, struct error *err)
{
	struct buf ids;

	buf_init(&ids, 400);
	answer_join(found, "runs", &ids);
	error_set(err, ERR_CONFLICT, "several runs begin with %s: %s", prefix,
		  ids.data);
	buf_clear(&ids);
	return -1;
}

static int find_by_prefix(struct dialogue *d, struct arena *arena,
			  struct slice prefix, struct slice *run,
			  struct error *err)
{
	jv found;
	int rc = dialogue_ask(d, STORE_find, &prefix, 1, &found, err);

	if (rc == CALL_EXPLAINED) {
		*run = SLICE("RUN"); /* the reader puts in what find gives */
		return 0;
	}
	if (rc != 0)
		return rc;
	int count = answer_count(found, "runs");
	if (count == 1)
		*run = arena_copy(arena,
				  value_text(answer_item(found, "runs", 0)));
	else if (count == 0)
		rc = error_set(err, ERR_ABSENT,
			       "no run begins with %s (see: treadle list)",
			       prefix.data);
	else
		rc = refuse_ambiguous(prefix.data, found, err);
	jv_free(found);
	return rc;
}

int dialogue_find_run(struct dialogue *d, struct arena *arena,
		      const char *prefix, struct slice *run, struct error *err)
{
	struct slice id = slice_of(arena_strdup(arena, prefix));
	char *at = (char *)id.data;

	for (size_t i = 0; i < id.len; i++) {
		if (!isalnum((unsigned char)at[i]))
			return error_set(err, ERR_INPUT,
					 "\"%.64s\" can't be a run: ids are "
					 "letters and digits",
					 prefix);
		at[i] = (char)tolower((unsigned char)at[i]);
	}
	*run = id;
	if (id.len > RUN_ID_LEN ||
	    (id.len == RUN_ID_LEN && !run_id_is_valid(id)))
		return error_set(err, ERR_INPUT, "\"%.64s\" can't be a run",
				 prefix);
	if (id.len == RUN_ID_LEN)
		return 0;
	if (id.len < PREFIX_MIN)
		return error_set(err, ERR_INPUT,
				 "\"%s\" is too short for a run: give its id, "
				 "or at least the first %d characters",
				 prefix, PREFIX_MIN);
	return find_by_prefix(d, arena, id, run, err);
}

/* --- outputs -------------------------------------------------------------- */

struct fetch {
	bool is_answered, is_blob;
	jv output;
	struct blob blob;
	struct error error;
};

static void on_output(void *arg, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct fetch *f = arg;

	f->is_answered = true;
	if (failure)
		f->error = failure->error;
	else if (reply->type == REPLY_TEXT && blob_parse(reply->text, &f->blob))
		f->is_blob = true;
	else if (reply->type == REPLY_TEXT)
		msgpack_parse(reply->text, &f->output, &f->error);
}

static void ask_output(struct dialogue *d, struct slice run, struct fetch *f)
{
	struct call_options o = {CALL_REPLAY, 0, d->timeout_ms};
	struct command c;
	char *key = xasprintf("%s:out:%.*s", store_keys(d->store), (int)run.len,
			      run.data);

	command_init(&c, "HGET");
	command_text(&c, key);
	command_text(&c, "output");
	free(key);
	redis_call(store_redis(d->store), &c, &o, on_output, f);
	while (!f->is_answered)
		uv_run(&d->loop, UV_RUN_ONCE);
}

/* Who does not know where blobs are is told which one it is. */
static jv describe(const struct blob *b)
{
	jv shown = jv_object_set(jv_object(), jv_string("blob"),
				 jv_string(b->name));

	return jv_object_set(shown, jv_string("bytes"),
			     jv_number((double)b->bytes));
}

static void on_blob(void *arg, const struct error *err)
{
	struct fetch *f = arg;

	if (err)
		f->error = *err;
	f->is_answered = true;
}

static void read_blob(struct dialogue *d, struct fetch *f)
{
	struct blobs *blobs = dialogue_blobs(d, &f->error);
	struct buf bytes;

	if (!blobs)
		return;
	if (!blobs_have_place(blobs)) {
		f->output = describe(&f->blob);
		return;
	}
	buf_init(&bytes, BLOB_SHOWN_MAX);
	f->is_answered = false;
	blobs_get(blobs, &f->blob, &bytes, on_blob, f);
	while (!f->is_answered)
		uv_run(&d->loop, UV_RUN_ONCE);
	if (f->error.kind == ERR_NONE)
		msgpack_parse(buf_slice(&bytes), &f->output, &f->error);
	buf_clear(&bytes);
}

struct blobs *dialogue_blobs(struct dialogue *d, struct error *err)
{
	if (!d->blobs && blobs_check(d->config, err) == 0)
		d->blobs = blobs_new(&d->loop, d->config);
	return d->blobs;
}

int dialogue_output(struct dialogue *d, struct slice run, jv *output,
		    struct error *err)
{
	struct fetch f = {.output = jv_null()};

	ask_output(d, run, &f);
	if (f.is_blob)
		read_blob(d, &f);
	*output = f.output;
	if (f.error.kind != ERR_NONE)
		return error_set(err, f.error.kind, "output of run %.*s: %s",
				 (int)run.len, run.data, f.error.text);
	return 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct dialogue *d = handle->data;

	(void)number;
	d->is_interrupted = true;
}

void dialogue_hold(struct dialogue *d)
{
	if (d->is_held)
		return;
	d->is_held = true;
	d->on_int.data = d->on_term.data = d;
	uv_signal_start(&d->on_int, on_signal, SIGINT);
	uv_signal_start(&d->on_term, on_signal, SIGTERM);
	uv_unref((uv_handle_t *)&d->on_int);
	uv_unref((uv_handle_t *)&d->on_term);
}

bool dialogue_is_interrupted(const struct dialogue *d)
{
	return d->is_interrupted;
}

static void on_timer(uv_timer_t *timer)
{
	struct dialogue *d = timer->data;

	d->is_woken = true;
}

bool dialogue_sleep(struct dialogue *d, int64_t ms)
{
	d->is_woken = false;
	d->timer.data = d;
	uv_timer_start(&d->timer, on_timer, (uint64_t)ms, 0);
	while (!d->is_woken && !d->is_interrupted)
		uv_run(&d->loop, UV_RUN_ONCE);
	uv_timer_stop(&d->timer);
	return d->is_interrupted;
}
