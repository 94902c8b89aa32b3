/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/crypto.h"
#include "answer.h"
#include "call.h"

#define PREFIX_MIN 4
#define EXPLAIN_MAX (1 << 20)

struct session {
	uv_loop_t loop;
	uv_timer_t timer;
	uv_signal_t on_int, on_term;
	struct store *store;
	int64_t timeout_ms;
	bool is_explained, is_held, is_interrupted;
	bool is_open, is_stopped, is_woken;
	struct error error; /* of the opening */
};

static void on_open(void *arg, const struct error *err)
{
	struct session *s = arg;

	if (err)
		s->error = *err;
	s->is_open = true;
}

static void on_stopped(void *arg)
{
	struct session *s = arg;

	s->is_stopped = true;
}

struct session *session_open(const struct config *config, bool is_explained,
			     struct error *err)
{
	struct session *s = xcalloc(1, sizeof(*s));

	must(uv_loop_init(&s->loop) == 0);
	uv_timer_init(&s->loop, &s->timer);
	uv_signal_init(&s->loop, &s->on_int);
	uv_signal_init(&s->loop, &s->on_term);
	s->is_explained = is_explained;
	s->timeout_ms = config->redis.timeout;
	s->store = store_start(&s->loop, config, "treadle", s->timeout_ms,
			       on_open, s);
	while (!s->is_open && !is_explained)
		uv_run(&s->loop, UV_RUN_ONCE);
	if (s->error.kind != ERR_NONE) {
		if (err)
			*err = s->error;
		session_close(s);
		return NULL;
	}
	return s;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	store_stop(s->store, on_stopped, s);
	uv_close((uv_handle_t *)&s->timer, NULL);
	uv_close((uv_handle_t *)&s->on_int, NULL);
	uv_close((uv_handle_t *)&s->on_term, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	must(s->is_stopped);
	must(uv_loop_close(&s->loop) == 0);
	free(s);
}

uv_loop_t *session_loop(struct session *s)
{
	return &s->loop;
}

struct store *session_store(struct session *s)
{
	return s->store;
}

int64_t session_timeout_ms(const struct session *s)
{
	return s->timeout_ms;
}

bool session_is_explained(const struct session *s)
{
	return s->is_explained;
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

int session_ask(struct session *s, enum store_function f,
		const struct slice *args, size_t count, jv *answer,
		struct error *err)
{
	struct asking a = {.answer = jv_invalid()};

	*answer = jv_invalid();
	if (s->is_explained) {
		struct buf line;
		buf_init(&line, EXPLAIN_MAX);
		store_explain(s->store, f, args, count, &line);
		puts(line.data);
		buf_clear(&line);
		return CALL_EXPLAINED;
	}

	store_ask(s->store, f, args, count, s->timeout_ms, on_answer, &a);
	while (!a.is_answered)
		uv_run(&s->loop, UV_RUN_ONCE);
	if (a.error.kind != ERR_NONE) {
		jv_free(a.answer);
		return error_set(err, a.error.kind, "%s", a.error.text);
	}
	*answer = a.answer;
	return 0;
}

int session_tell(struct session *s, enum store_function f,
		 const struct slice *args, size_t count, struct error *err)
{
	jv answer;
	int rc = session_ask(s, f, args, count, &answer, err);

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

static int find_by_prefix(struct session *s, struct arena *arena,
			  struct slice prefix, struct slice *run,
			  struct error *err)
{
	jv found;
	int rc = session_ask(s, STORE_find, &prefix, 1, &found, err);

	if (rc == CALL_EXPLAINED)
		return 0;
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

int session_find_run(struct session *s, struct arena *arena, const char *prefix,
		     struct slice *run, struct error *err)
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
	return find_by_prefix(s, arena, id, run, err);
}

struct fetch {
	bool is_answered;
	jv output;
	struct error error;
};

static void on_output(void *arg, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct fetch *f = arg;

	f->is_answered = true;
	f->output = jv_null();
	if (failure)
		f->error = failure->error;
	else if (reply->type == REPLY_TEXT)
		msgpack_parse(reply->text, &f->output, &f->error);
}

int session_output(struct session *s, struct slice run, jv *output,
		   struct error *err)
{
	struct fetch f = {.is_answered = false};
	struct call_options o = {CALL_REPLAY, 0, s->timeout_ms};
	struct command c;
	char *key = xasprintf("%s:out:%.*s", store_keys(s->store), (int)run.len,
			      run.data);

	command_init(&c, "HGET");
	command_text(&c, key);
	command_text(&c, "output");
	free(key);
	redis_call(store_redis(s->store), &c, &o, on_output, &f);
	while (!f.is_answered)
		uv_run(&s->loop, UV_RUN_ONCE);
	*output = f.output;
	if (f.error.kind != ERR_NONE)
		return error_set(err, f.error.kind, "output of run %.*s: %s",
				 (int)run.len, run.data, f.error.text);
	return 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct session *s = handle->data;

	(void)number;
	s->is_interrupted = true;
}

void session_hold(struct session *s)
{
	if (s->is_held)
		return;
	s->is_held = true;
	s->on_int.data = s->on_term.data = s;
	uv_signal_start(&s->on_int, on_signal, SIGINT);
	uv_signal_start(&s->on_term, on_signal, SIGTERM);
	uv_unref((uv_handle_t *)&s->on_int);
	uv_unref((uv_handle_t *)&s->on_term);
}

bool session_is_interrupted(const struct session *s)
{
	return s->is_interrupted;
}

static void on_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;

	s->is_woken = true;
}

bool session_sleep(struct session *s, int64_t ms)
{
	s->is_woken = false;
	s->timer.data = s;
	uv_timer_start(&s->timer, on_timer, (uint64_t)ms, 0);
	while (!s->is_woken && !s->is_interrupted)
		uv_run(&s->loop, UV_RUN_ONCE);
	uv_timer_stop(&s->timer);
	return s->is_interrupted;
}
