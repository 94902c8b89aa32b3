/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "definition.h"
#include "notes.h"
#include "param.h"
#include "tools.h"
#include "treadle/log.h"

/*
 * exec: run a program.
 *
 * What it is given: its arguments as they are, never through a shell; an
 * environment of what the operator allows, what the step adds, and what we
 * say of the attempt; its input on descriptor 0. What it gives: its output on
 * 1, its log on 2, notes on 3 (notes.h), and its exit status, which says
 * what kind of failure it was (sysexits.h: 75 may pass, 64 to 78 will not).
 */
#define TAIL_MAX 1024 /* of the log, in which the last line is sought */
#define DETAIL_MAX 300
#define MEMO_MAX (64 << 10)
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

struct exec {
	struct attempt *attempt;
	struct child *child;
	struct buf output;
	bool is_too_large;
	struct notes notes;
	char tail[TAIL_MAX];
	size_t tail_len;
};

/* The environment */

struct environment {
	struct arena *arena;
	const char **items; /* "NAME=value", NULL at the end */
	size_t count, cap;
};

static void env_set(struct environment *e, const char *name, const char *value)
{
	const char *item = arena_printf(e->arena, "%s=%s", name, value);
	size_t len = strlen(name) + 1;
	size_t i = 0;

	while (i < e->count && strncmp(e->items[i], item, len) != 0)
		i++;
	must(i + 1 < e->cap);
	e->items[i] = item;
	if (i == e->count)
		e->items[++e->count] = NULL;
}

static const char *env_get(const struct environment *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->count; i++)
		if (strncmp(e->items[i], name, len) == 0 &&
		    e->items[i][len] == '=')
			return e->items[i] + len + 1;
	return NULL;
}

static void env_inherit(struct environment *e, const struct text_list *allowed)
{
	for (size_t i = 0; i < allowed->count; i++) {
		const char *value = getenv(allowed->items[i]);

		if (value)
			env_set(e, allowed->items[i], value);
	}
}

static int env_add(struct environment *e, jv map, struct error *err)
{
	int result = 0;

	jv_object_foreach (map, name, value) {
		const char *text = jv_string_value(name);

		if (!*text || strchr(text, '='))
			result = error_set(err, ERR_INPUT,
					   "env: \"%s\" can't be the name of a "
					   "variable",
					   text);
		else
			env_set(e, text, jv_string_value(value));
		jv_free(name);
		jv_free(value);
	}
	return result;
}

static void env_set_number(struct environment *e, const char *name, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	env_set(e, name, text);
}

/* Last, so that nothing else can pretend to be it. */
static void env_describe(struct environment *e, const struct attempt *a)
{
	struct buf memo;

	env_set(e, "TREADLE_RUN", a->ref.run);
	env_set(e, "TREADLE_WORKFLOW", definition_name(a->definition));
	env_set(e, "TREADLE_STEP", a->ref.step);
	env_set_number(e, "TREADLE_ATTEMPT", a->attempt);
	env_set_number(e, "TREADLE_RECOVERY", a->recoveries);
	if (a->round > 0)
		env_set_number(e, "TREADLE_ROUND", a->round);
	env_set(e, "TREADLE_IDEMPOTENCY_KEY", a->idempotency_key);
	env_set(e, "TREADLE_FD", "3");
	if (!jv_is_valid(a->memo))
		return;
	buf_init(&memo, MEMO_MAX);
	if (json_print(a->memo, &memo) == 0)
		env_set(e, "TREADLE_CHECKPOINT", memo.data);
	buf_clear(&memo);
}

static int env_make(struct environment *e, struct attempt *a, struct error *err)
{
	const struct text_list *allowed =
		&worker_config(a->worker)->worker.environment;
	jv map = param_get(a, "env");
	int result = 0;

	e->arena = &a->arena;
	e->cap = allowed->count + 16;
	if (jv_is_valid(map))
		e->cap += (size_t)jv_object_length(jv_copy(map));
	e->items = arena_calloc(e->arena, e->cap, sizeof(*e->items));
	env_inherit(e, allowed);
	if (jv_is_valid(map))
		result = env_add(e, map, err);
	jv_free(map);
	env_describe(e, a);
	return result;
}

/* What it says */

/* Keeps the last bytes of the log. */
static void keep_tail(struct exec *x, struct slice bytes)
{
	size_t keep;

	if (bytes.len > TAIL_MAX) {
		bytes.data += bytes.len - TAIL_MAX;
		bytes.len = TAIL_MAX;
	}
	keep = TAIL_MAX - bytes.len;
	if (keep > x->tail_len)
		keep = x->tail_len;
	memmove(x->tail, x->tail + x->tail_len - keep, keep);
	memcpy(x->tail + keep, bytes.data, bytes.len);
	x->tail_len = keep + bytes.len;
}

static void on_bytes(void *arg, enum child_pipe from, struct slice bytes)
{
	struct exec *x = arg;

	switch (from) {
	case CHILD_OUTPUT:
		if (x->is_too_large ||
		    buf_add(&x->output, bytes.data, bytes.len) == 0)
			return;
		x->is_too_large = true;
		child_signal(x->child, SIGKILL);
		return;
	case CHILD_LOG:
		keep_tail(x, bytes);
		attempt_log(x->attempt, bytes);
		return;
	case CHILD_NOTES:
		notes_read(&x->notes, bytes);
		return;
	case CHILD_PIPES:
		must(false);
	}
}

/* How it ended */

static struct slice last_line(struct slice text)
{
	const char *line = memrchr(text.data, '\n', text.len);

	if (line) {
		text.len -= (size_t)(line + 1 - text.data);
		text.data = line + 1;
	}
	return text;
}

/* The last line of the log that is not empty, fit to be shown. */
static void add_last_line(struct buf *detail, const struct exec *x)
{
	struct buf tail;
	struct slice line;

	buf_init(&tail, TAIL_MAX);
	buf_add(&tail, x->tail, x->tail_len);
	log_redact(&tail);
	line = last_line(slice_trim(buf_slice(&tail)));
	if (line.len > DETAIL_MAX)
		line.len = DETAIL_MAX;
	if (line.len) {
		buf_adds(detail, ": ");
		text_escape(detail, slice_trim(line));
	}
	buf_clear(&tail);
}

static void fail(struct exec *x, enum failure_class class, int code,
		 const char *what)
{
	struct failure f = {.class = class, .code = code, .retry_after_ms = -1};
	struct buf detail;

	buf_init(&detail, 8 * DETAIL_MAX);
	buf_adds(&detail, what);
	add_last_line(&detail, x);
	f.detail = buf_slice(&detail);
	attempt_failed(x->attempt, &f);
	buf_clear(&detail);
}

static enum failure_class class_of(int status)
{
	if (status == 75) /* EX_TEMPFAIL */
		return FAILURE_TRANSIENT;
	if (status >= 64 && status <= 78)
		return FAILURE_REJECTED;
	/* What a shell says of a program that it can't run or can't find. */
	if (status == 126 || status == 127)
		return FAILURE_REJECTED;
	return FAILURE_ERROR;
}

/* An id of twenty digits must not come out as a rounded number. */
static bool is_exact(jv v)
{
	double d;

	if (jv_get_kind(v) != JV_KIND_NUMBER || value_is_whole(v))
		return true;
	d = jv_number_value(v);
	return d < 9e15 && d > -9e15;
}

/* Without a wish: JSON where it is JSON, else text. */
static int guess_json(struct slice text, jv *output)
{
	if (json_parse(text, output, NULL) < 0)
		return -1;
	if (is_exact(*output))
		return 0;
	jv_free(*output);
	return -1;
}

/* Gives *output, or says what is wrong with it in *err. */
static int read_output(struct exec *x, jv *output, struct error *err)
{
	const char *wish = param_text(x->attempt, "output");
	struct slice text = buf_slice(&x->output);

	if (wish && strcmp(wish, "none") == 0) {
		*output = jv_null();
		return 0;
	}
	if (wish && strcmp(wish, "json") == 0) {
		if (json_parse(text, output, err) == 0)
			return 0;
		return error_prefix(err, "standard output is not JSON, as "
					 "`output: json` says: ");
	}
	if (!wish && guess_json(text, output) == 0)
		return 0;
	if (text.len && text.data[text.len - 1] == '\n')
		text.len--;
	if (!text_is_utf8(text))
		return error_set(err, ERR_INPUT,
				 "standard output is not UTF-8; bytes belong "
				 "into a file");
	*output = jv_string_sized(text.data, (int)text.len);
	return 0;
}

static void finish(struct exec *x)
{
	struct error err;
	jv output;

	if (read_output(x, &output, &err) == 0)
		attempt_done(x->attempt, output);
	else
		attempt_failed_text(x->attempt, FAILURE_BAD_OUTPUT, 0, "%s",
				    err.text);
}

static void on_end(void *arg, const struct child_end *end)
{
	struct exec *x = arg;
	struct buf output = x->output;
	char what[80];

	notes_clear(&x->notes);
	if (end->was_held)
		attempt_log(x->attempt,
			    SLICE("treadle: it left processes behind that held "
				  "its output; they were ended\n"));
	if (x->is_too_large) {
		snprintf(what, sizeof(what),
			 "more than %zu bytes on standard output; see "
			 "worker.output_max",
			 x->output.max);
		fail(x, FAILURE_TOO_LARGE, 0, what);
	} else if (end->signal) {
		snprintf(what, sizeof(what), "ended by signal %d (%s)",
			 end->signal, strsignal(end->signal));
		fail(x, FAILURE_KILLED, 128 + end->signal, what);
	} else if (end->status) {
		snprintf(what, sizeof(what), "exit %d", end->status);
		fail(x, class_of(end->status), end->status, what);
	} else {
		finish(x);
	}
	/* The attempt, and x with it, is gone by now. */
	buf_clear(&output);
}

/* Beginning */

static const char *const *make_argv(struct attempt *a)
{
	jv command = param_get(a, "command");
	size_t count = (size_t)jv_array_length(jv_copy(command));
	const char **argv = arena_calloc(&a->arena, count + 1, sizeof(*argv));

	jv_array_foreach (command, i, item) {
		argv[i] = jv_string_value(item); /* held by the params */
		jv_free(item);
	}
	jv_free(command);
	return argv;
}

static int input_make(const struct attempt *a, struct buf *input,
		      struct error *err)
{
	jv value = param_get(a, "stdin");
	int result = 0;

	if (value_is_text(value)) {
		struct slice text = value_text(value);

		result = buf_add(input, text.data, text.len);
	} else if (jv_is_valid(value)) {
		result = json_print(value, input);
	}
	jv_free(value);
	if (result < 0)
		return error_set(err, ERR_INPUT,
				 "stdin is larger than %zu "
				 "bytes",
				 input->max);
	return 0;
}

static int run(struct exec *x, struct error *err)
{
	struct attempt *a = x->attempt;
	const char *base = worker_config(a->worker)->worker.directory;
	struct environment env = {0};
	struct child_plan plan = {.directory = param_text(a, "directory"),
				  .on_bytes = on_bytes,
				  .on_end = on_end,
				  .arg = x};
	struct buf input;

	plan.argv = make_argv(a);
	if (!plan.argv[0] || !*plan.argv[0])
		return error_set(err, ERR_INPUT, "command is empty");
	if (env_make(&env, a, err) < 0)
		return -1;
	plan.env = env.items;
	plan.path = env_get(&env, "PATH");
	if (!plan.path)
		plan.path = PATH_DEFAULT;
	plan.directory_in = *base ? base : NULL;
	buf_init(&input, 64 << 20);
	if (input_make(a, &input, err) == 0) {
		plan.input = buf_slice(&input);
		x->child = child_start(tools_children(worker_tools(a->worker)),
				       &plan, err);
	}
	buf_clear(&input);
	return x->child ? 0 : -1;
}

static void exec_start(struct attempt *a)
{
	struct exec *x = arena_calloc(&a->arena, 1, sizeof(*x));
	struct error err;

	x->attempt = a;
	a->work = x;
	buf_init(&x->output,
		 (size_t)worker_config(a->worker)->worker.output_max);
	notes_init(&x->notes, a);
	if (run(x, &err) == 0)
		return;
	notes_clear(&x->notes);
	if (err.kind == ERR_UNAVAILABLE)
		attempt_failed_text(a, FAILURE_TRANSIENT, 0, "%s", err.text);
	else
		attempt_failed_text(a, FAILURE_REJECTED, 127, "%s", err.text);
}

static void exec_stop(struct attempt *a, bool at_once)
{
	struct exec *x = a->work;

	child_signal(x->child, at_once ? SIGKILL : SIGTERM);
}

const struct kind step_exec = {.start = exec_start, .stop = exec_stop};
