/* SPDX-License-Identifier: MIT */
#include "expression.h"

#include <jq.h>
#include <stdlib.h>
#include <string.h>

/*
 * The jq engine; nobody else includes <jq.h>.
 *
 * A group of expressions E0, E1 becomes one program over [which, scope]:
 *
 *   def env: ...; (what is withheld)
 *   def _expression_0: {} as $ENV | (E0);
 *   def _expression_1: {} as $ENV | (E1);
 *   .[0] as $which | .[1] |
 *   (select($which == 0) | _expression_0),
 *   (select($which == 1) | _expression_1)
 *
 * A definition in front hides the builtin of the same name, a bound $ENV
 * hides the environment, and import and include are syntax errors inside of
 * brackets: expressions have no door to the outside, nor to the clock.
 */
#define GROUP_MAX 64
#define MESSAGE_MAX 200

struct group {
	const char *sources[GROUP_MAX];
	size_t count;
	struct jq_state *jq; /* NULL until compiled */
	struct group *next;
};

struct expressions {
	struct group *groups;
	size_t count;
};

/* What is withheld: it would make a step depend on where and when it runs. */
static const char *const withheld[] = {
	"env",           "input",           "inputs",
	"debug",         "debug(f)",        "stderr",
	"now",           "localtime",       "strflocaltime(f)",
	"halt",          "halt_error",      "halt_error(f)",
	"modulemeta",    "input_filename",  "input_line_number",
	"get_jq_origin", "get_prog_origin", "get_search_list",
};

struct expressions *expressions_new(void)
{
	return xcalloc(1, sizeof(struct expressions));
}

void expressions_free(struct expressions *e)
{
	struct group *next;

	if (!e)
		return;
	for (struct group *g = e->groups; g; g = next) {
		next = g->next;
		if (g->jq)
			jq_teardown(&g->jq);
		free(g);
	}
	free(e);
}

size_t expressions_count(const struct expressions *e)
{
	return e->count;
}

/* The link to the group of expression number `which`. */
static struct group **group_of(struct expressions *e, size_t which)
{
	struct group **g = &e->groups;

	for (; *g && which >= GROUP_MAX; which -= GROUP_MAX)
		g = &(*g)->next;
	return g;
}

int expressions_add(struct expressions *e, const char *source)
{
	struct group **g = group_of(e, e->count);

	if (e->count == EXPRESSIONS_MAX)
		return -1;
	if (!*g)
		*g = xcalloc(1, sizeof(**g));
	must(!(*g)->jq);
	(*g)->sources[(*g)->count++] = source;
	return (int)e->count++;
}

/* --- messages ------------------------------------------------------------ */

int expression_blame(const char *source, struct error *err)
{
	size_t len = strlen(source), shown = len < 80 ? len : 77;

	while (shown < len && ((unsigned char)source[shown] & 0xc0) == 0x80)
		shown--;
	return error_prefix(err, "${%.*s%s}: ", (int)shown, source,
			    shown < len ? "..." : "");
}

/*
 * jq says "jq: error: syntax error, unexpected '|' (Unix shell quoting
 * issues?) at <top-level>, line 1:" and shows the whole program. What is
 * ours of the program means nothing to the reader, so only the middle stays.
 */
static void keep_message(void *arg, jv message)
{
	struct buf *kept = arg;
	static const char *const ends[] = {" (Unix shell", " at <top-level>",
					   "\n"};

	if (!kept->len && value_is_text(message)) {
		const char *text = jv_string_value(message);
		if (strncmp(text, "jq: error: ", 11) == 0)
			text += 11;
		size_t len = strlen(text);
		for (size_t i = 0; i < countof(ends); i++) {
			const char *end = strstr(text, ends[i]);
			if (end && (size_t)(end - text) < len)
				len = (size_t)(end - text);
		}
		buf_add(kept, text, len < MESSAGE_MAX ? len : MESSAGE_MAX);
	}
	jv_free(message);
}

/* The message of a failed run, which may be any value: error({...}). */
static int run_failed(jv invalid, struct error *err)
{
	jv message = jv_invalid_get_msg(invalid);

	if (!value_is_text(message))
		message = jv_dump_string(message, JV_PRINT_SORTED);
	error_set(err, ERR_INPUT, "%.200s", jv_string_value(message));
	jv_free(message);
	return -1;
}

/* --- compiling ----------------------------------------------------------- */

static void write_program(struct buf *b, const char *const *sources,
			  size_t count)
{
	for (size_t i = 0; i < countof(withheld); i++)
		buf_addf(b, "def %s: error(\"%s is not available here\");",
			 withheld[i], withheld[i]);
	/* On lines of their own, for an expression may end in a comment. */
	for (size_t i = 0; i < count; i++)
		buf_addf(b, "def _expression_%zu: {} as $ENV | (\n%s\n);\n", i,
			 sources[i]);
	buf_adds(b, ".[0] as $which | .[1] | empty");
	for (size_t i = 0; i < count; i++)
		buf_addf(b, ", (select($which == %zu) | _expression_%zu)", i,
			 i);
}

static _Noreturn void on_no_memory(void *arg)
{
	(void)arg;
	afford_fail(__FILE__, __LINE__, "jq has memory");
}

static struct jq_state *compile(const char *const *sources, size_t count,
				struct error *err)
{
	struct buf program, message;
	struct jq_state *jq = jq_init();

	must_afford(jq);
	/* Without one libjq 1.6 calls what its memory happens to hold. */
	jq_set_nomem_handler(jq, on_no_memory, NULL);
	buf_init(&program, 1 << 20);
	buf_init(&message, MESSAGE_MAX);
	jq_set_error_cb(jq, keep_message, &message);
	write_program(&program, sources, count);
	must(!program.is_full);
	if (!jq_compile(jq, program.data)) {
		error_set(err, ERR_INPUT, "%s",
			  message.len ? message.data : "is not a jq program");
		jq_teardown(&jq);
	} else {
		jq_set_error_cb(jq, NULL, NULL);
	}
	buf_clear(&program);
	buf_clear(&message);
	return jq;
}

static int compile_group(struct group *g, struct error *err)
{
	if (g->jq)
		return 0;
	g->jq = compile(g->sources, g->count, err);
	if (g->jq)
		return 0;
	for (size_t i = 0; i < g->count; i++) {
		struct jq_state *jq = compile(&g->sources[i], 1, err);
		if (!jq)
			return expression_blame(g->sources[i], err);
		jq_teardown(&jq);
	}
	return error_prefix(err, "expressions: ");
}

int expressions_compile(struct expressions *e, struct error *err)
{
	for (struct group *g = e->groups; g; g = g->next)
		if (compile_group(g, err) != 0)
			return -1;
	return 0;
}

/* --- running ------------------------------------------------------------- */

static int take_only_value(struct jq_state *jq, jv *value, struct error *err)
{
	jv first = jq_next(jq);

	if (!jv_is_valid(first)) {
		if (jv_invalid_has_msg(jv_copy(first)))
			return run_failed(first, err);
		jv_free(first);
		return error_set(err, ERR_INPUT, "gives no value");
	}
	jv second = jq_next(jq);
	if (!jv_is_valid(second) && !jv_invalid_has_msg(jv_copy(second))) {
		jv_free(second);
		*value = first;
		return 0;
	}
	jv_free(first);
	if (!jv_is_valid(second))
		return run_failed(second, err);
	jv_free(second);
	return error_set(err, ERR_INPUT,
			 "gives more than one value: put it in [ ]");
}

int expressions_run(struct expressions *e, int which, jv scope, jv *value,
		    struct error *err)
{
	struct group *g = *group_of(e, (size_t)which);
	int index = which % GROUP_MAX, result;

	must(g && (size_t)index < g->count);
	if (compile_group(g, err) != 0)
		return -1;
	jq_start(g->jq, JV_ARRAY(jv_number(index), jv_copy(scope)), 0);
	result = take_only_value(g->jq, value, err);
	/* What is left of the run would keep the scope alive. */
	jq_start(g->jq, jv_null(), 0);
	return result == 0 ? 0 : expression_blame(g->sources[index], err);
}
