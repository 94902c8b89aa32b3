/* SPDX-License-Identifier: MIT */
#include "treadle/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/url.h"
#include "treadle/workflow.h"

#include "redis_url.h"
#include "store_call.h"

static const struct {
	const char *name;
	const char *command;
	bool is_once; /* a repeat must say that it is one */
} functions[] = {
#define WRITE "FCALL", false
#define ONCE "FCALL", true
#define READ "FCALL_RO", false
#define FUNCTION(name, access, arguments, help) {"treadle_" #name, access},
#include "treadle/functions.def"
#undef FUNCTION
#undef READ
#undef ONCE
#undef WRITE
};

/* --- life ---------------------------------------------------------------- */

struct store *store_start(uv_loop_t *loop, const struct config *c,
			  const char *name, int64_t deadline_ms,
			  store_open_fn *on_open, void *arg)
{
	struct store *s = xcalloc(1, sizeof(*s));
	struct redis_options o = redis_options(c, name);

	s->url = xstrdup(c->redis.url);
	s->keys = xasprintf("%s:{0}", c->redis.prefix);
	s->on_open = on_open;
	s->open_arg = arg;
	s->deadline_at = -1;
	s->load_refused_at = -1;
	if (deadline_ms >= 0)
		s->deadline_at = clock_monotonic_ms() + deadline_ms;
	store_open_options(s, &o);
	s->redis = redis_start(loop, &o);
	store_check(s);
	return s;
}

static void on_redis_stopped(void *arg)
{
	struct store *s = arg;
	void (*on_stopped)(void *arg) = s->on_stopped;
	void *stopped_arg = s->stopped_arg;

	free(s->url);
	free(s->keys);
	free(s->taken);
	free(s->codes);
	free(s->committed);
	free(s);
	if (on_stopped)
		on_stopped(stopped_arg);
}

void store_stop(struct store *s, void (*on_stopped)(void *arg), void *arg)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->on_open = NULL;
	s->on_stopped = on_stopped;
	s->stopped_arg = arg;
	redis_stop(s->redis, on_redis_stopped, s);
}

struct redis *store_redis(struct store *s)
{
	return s->redis;
}

const char *store_keys(const struct store *s)
{
	return s->keys;
}

size_t store_queue_key(const struct store *s, const char *queue, char *out,
		       size_t size)
{
	size_t len = (size_t)snprintf(out, size, "%s:queue:%s", s->keys, queue);

	return len < size ? len : 0;
}

/* --- calls --------------------------------------------------------------- */

void store_begin(struct store *s, enum store_function f, struct command *c)
{
	command_init(c, functions[f].command);
	command_text(c, functions[f].name);
	command_int(c, 1);
	command_text(c, s->keys);
}

/* The kind that the library names: "ABSENT no such run". */
static bool find_kind(struct slice code, enum error_kind *kind)
{
	static const char *const names[] = {
#define ERROR(name, exit_code, http_status, meaning) #name,
#include "treadle/errors.def"
#undef ERROR
	};

	for (size_t i = 1; i < countof(names); i++) {
		if (slice_is(code, names[i])) {
			*kind = (enum error_kind)i;
			return true;
		}
	}
	return false;
}

static bool is_fault_of_library(struct slice text)
{
	static const char *const marks[] = {"user_function", "script: "};

	for (size_t i = 0; i < countof(marks); i++)
		if (memmem(text.data, text.len, marks[i], strlen(marks[i])))
			return true;
	return false;
}

void store_explain_failure(const struct store *s, enum store_function f,
			   struct redis_failure *failure)
{
	struct slice rest = failure->text;
	enum error_kind kind;
	int len;

	if (failure->cause != REDIS_REFUSED)
		return;
	slice_cut(&rest, ' ');
	len = rest.len < 400 ? (int)rest.len : 400;
	if (find_kind(failure->code, &kind))
		error_set(&failure->error, kind, "%.*s", len, rest.data);
	else if (slice_is(rest, "Function not found"))
		failure->error = s->load_error;
	else if (is_fault_of_library(failure->text))
		error_set(&failure->error, ERR_BUG,
			  "%s failed inside of redis: %.*s", functions[f].name,
			  len, rest.data);
}

static void on_reply(void *arg, const struct reply *reply,
		     const struct redis_failure *failure)
{
	struct store_call *call = arg;
	struct redis_failure explained = {
		.cause = REDIS_REFUSED, .code = SLICE(""), .text = SLICE("")};

	if (failure) {
		explained = *failure;
		store_explain_failure(call->store, call->function, &explained);
	} else if (call->read(call, reply, NULL)) {
		free(call);
		return;
	} else {
		error_set(&explained.error, ERR_BUG,
			  "%s answered in a form that this program does not "
			  "know: is the library in redis ours?",
			  functions[call->function].name);
	}
	call->read(call, NULL, &explained);
	free(call);
}

void store_send(struct store *s, struct command *c,
		const struct store_call *call, int64_t deadline_ms)
{
	struct call_options o = {.mode = CALL_REPLAY,
				 .deadline_ms = deadline_ms};
	struct store_call *copy = xmalloc(sizeof(*copy));

	*copy = *call;
	copy->store = s;
	redis_call(s->redis, c, &o, on_reply, copy);
}

bool store_read_done(struct store_call *call, const struct reply *reply,
		     const struct redis_failure *failure)
{
	if (reply && reply->type != REPLY_STATUS)
		return false;
	call->to.done(call->arg, failure);
	return true;
}

/* --- submission ---------------------------------------------------------- */

static const char *const submit_codes[] = {
	[SUBMIT_CREATED] = "CREATED",
	[SUBMIT_EXISTS] = "EXISTS",
	[SUBMIT_CONFLICT] = "CONFLICT",
	[SUBMIT_UNDEFINED] = "UNDEFINED",
};

/* "CREATED", "EXISTS <run>", "CONFLICT <run>", "UNDEFINED <run>" */
static bool read_submitted(const struct reply *item, struct submitted *answer)
{
	struct slice rest = item->text;
	struct slice code = slice_cut(&rest, ' ');

	answer->run = rest;
	for (size_t i = 0; i < countof(submit_codes); i++) {
		if (slice_is(code, submit_codes[i])) {
			answer->code = (enum submit_code)i;
			return true;
		}
	}
	return false;
}

static bool read_submit(struct store_call *call, const struct reply *reply,
			const struct redis_failure *failure)
{
	struct submitted *answers;
	bool is_good = true;

	if (failure) {
		call->to.submit(call->arg, NULL, 0, failure);
		return true;
	}
	if (reply->count != call->count)
		return false;
	answers = xcalloc(call->count, sizeof(*answers));
	for (size_t i = 0; is_good && i < call->count; i++)
		is_good = read_submitted(&reply->items[i], &answers[i]);
	if (is_good)
		call->to.submit(call->arg, answers, call->count, NULL);
	free(answers);
	return is_good;
}

void store_submit(struct store *s, const struct submission *subs, size_t count,
		  int64_t deadline_ms, store_submit_fn *on_submitted, void *arg)
{
	struct store_call call = {.function = STORE_submit,
				  .count = count,
				  .read = read_submit,
				  .to.submit = on_submitted,
				  .arg = arg};
	struct command c;

	must(count);
	store_begin(s, STORE_submit, &c);
	if (subs[0].is_uncached)
		command_text(&c, "no-cache");
	for (size_t i = 0; i < count; i++) {
		must(subs[i].is_uncached == subs[0].is_uncached);
		command_text(&c, subs[i].run);
		command_text(&c, subs[i].digest);
		command_slice(&c, subs[i].input);
		command_text(&c, subs[i].key);
		command_int(&c, subs[i].deadline_ms);
	}
	store_send(s, &c, &call, deadline_ms);
}

static void add_definition(struct command *c, const struct workflow *w)
{
	command_text(c, w->digest);
	command_slice(c, w->canonical);
	command_slice(c, w->graph);
}

void store_define(struct store *s, const struct workflow *w,
		  int64_t deadline_ms, store_done_fn *on_done, void *arg)
{
	struct store_call call = {.function = STORE_define,
				  .read = store_read_done,
				  .to.done = on_done,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_define, &c);
	for (size_t i = 0; i < w->parts_count; i++)
		add_definition(&c, w->parts[i]);
	add_definition(&c, w);
	store_send(s, &c, &call, deadline_ms);
}

static bool read_definition(struct store_call *call, const struct reply *reply,
			    const struct redis_failure *failure)
{
	if (reply && reply->type != REPLY_TEXT && reply->type != REPLY_NIL)
		return false;
	call->to.bytes(call->arg, reply ? reply->text : SLICE(""), failure);
	return true;
}

void store_definition(struct store *s, struct slice digest, int64_t deadline_ms,
		      store_bytes_fn *on_bytes, void *arg)
{
	struct store_call call = {.function = STORE_definition,
				  .read = read_definition,
				  .to.bytes = on_bytes,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_definition, &c);
	command_slice(&c, digest);
	store_send(s, &c, &call, deadline_ms);
}

/* --- questions ----------------------------------------------------------- */

/* A version is an integer; all else is JSON. */
static int read_value(const struct reply *reply, jv *value, struct error *err)
{
	if (reply->type == REPLY_INTEGER) {
		*value = jv_number((double)reply->integer);
		return 0;
	}
	return json_parse(reply->text, value, err);
}

static bool read_answer(struct store_call *call, const struct reply *reply,
			const struct redis_failure *failure)
{
	struct error err;
	jv value;

	if (failure) {
		value = jv_invalid();
		call->to.answer(call->arg, value, &failure->error);
	} else if (read_value(reply, &value, &err) == 0) {
		call->to.answer(call->arg, value, NULL);
	} else {
		return false;
	}
	jv_free(value);
	return true;
}

/* Which call this is, so that a repeat of it is known: control.lua. */
static void add_once(struct store *s, struct command *c)
{
	char text[64];

	if (!s->caller[0])
		worker_id_new(s->caller);
	snprintf(text, sizeof(text), "once:%s.%" PRId64, s->caller, ++s->once);
	command_text(c, text);
}

void store_ask(struct store *s, enum store_function f, const struct slice *args,
	       size_t count, int64_t deadline_ms, store_answer_fn *on_answer,
	       void *arg)
{
	struct store_call call = {.function = f,
				  .read = read_answer,
				  .to.answer = on_answer,
				  .arg = arg};
	struct command c;

	store_begin(s, f, &c);
	for (size_t i = 0; i < count; i++)
		command_slice(&c, args[i]);
	if (functions[f].is_once)
		add_once(s, &c);
	store_send(s, &c, &call, deadline_ms);
}

/* --- explanation --------------------------------------------------------- */

static bool is_plain(struct slice s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789_-./:@%+=,";

	for (size_t i = 0; i < s.len; i++)
		if (!s.data[i] || !strchr(plain, s.data[i]))
			return false;
	return s.len;
}

/* What even single quotes can't show: $'...' is of bash, zsh and ksh. */
static void quote_bytes(struct buf *out, struct slice s)
{
	buf_adds(out, "$'");
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c >= ' ' && c <= '~' && c != '\'' && c != '\\')
			buf_addc(out, (char)c);
		else
			buf_addf(out, "\\x%02x", c);
	}
	buf_addc(out, '\'');
}

static void quote(struct buf *out, struct slice s)
{
	bool has_controls = !text_is_utf8(s);

	for (size_t i = 0; i < s.len; i++)
		has_controls |= (unsigned char)s.data[i] < ' ';
	if (is_plain(s)) {
		buf_add(out, s.data, s.len);
	} else if (has_controls) {
		quote_bytes(out, s);
	} else {
		buf_addc(out, '\'');
		for (size_t i = 0; i < s.len; i++) {
			if (s.data[i] == '\'')
				buf_adds(out, "'\\'");
			buf_addc(out, s.data[i]);
		}
		buf_addc(out, '\'');
	}
}

static void explain_socket(const struct redis_url *u, struct buf *out)
{
	buf_adds(out, "-s ");
	quote(out, slice_of(u->address.path));
}

/* redis-cli does not follow Sentinels: its shell has to ask one. */
static void explain_sentinel(const struct redis_url *u, struct buf *out)
{
	buf_adds(out, "$(redis-cli -h ");
	quote(out, slice_of(u->sentinels[0].host));
	buf_addf(out,
		 " -p %d SENTINEL GET-MASTER-ADDR-BY-NAME %s | "
		 "xargs printf '-h %%s -p %%s')",
		 u->sentinels[0].port, u->primary);
}

static void explain_address(const char *url, struct buf *out)
{
	struct redis_url u;
	struct buf masked;

	buf_adds(out, "redis-cli ");
	if (redis_url_parse(url, &u, NULL) == 0 && !u.address.host) {
		if (u.primary)
			explain_sentinel(&u, out);
		else
			explain_socket(&u, out);
		if (u.database)
			buf_addf(out, " -n %d", u.database);
	} else {
		buf_init(&masked, 4096);
		url_mask(url, &masked);
		buf_adds(out, "-u ");
		quote(out, buf_slice(&masked));
		buf_clear(&masked);
	}
	redis_url_clear(&u);
}

void store_explain(const struct store *s, enum store_function f,
		   const struct slice *args, size_t count, struct buf *out)
{
	explain_address(s->url, out);
	buf_addf(out, " %s %s 1 ", functions[f].command, functions[f].name);
	quote(out, slice_of(s->keys));
	for (size_t i = 0; i < count; i++) {
		buf_addc(out, ' ');
		quote(out, args[i]);
	}
}
