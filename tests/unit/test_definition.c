/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/workflow.h"

#define BYTES_MAX (8 << 20)

static struct workflow *parse(const char *yaml)
{
	struct workflow *w;
	struct error err;

	if (workflow_parse(slice_of(yaml), "test.yaml", &w, &err) != 0)
		fail_msg("%s", err.text);
	return w;
}

static void refuses(const char *yaml, const char *complaint)
{
	struct error err = {.text = ""};
	struct workflow *w;

	assert_int_equal(workflow_parse(slice_of(yaml), "test.yaml", &w, &err),
			 -1);
	if (!strstr(err.text, complaint))
		fail_msg("expected \"%s\", got \"%s\"", complaint, err.text);
}

/* The canonical form of yaml as a tree, and back from one. */
static jv document_of(const char *yaml)
{
	struct workflow *w = parse(yaml);
	struct error err;
	jv document;

	assert_int_equal(msgpack_parse(w->canonical, &document, &err), 0);
	workflow_free(w);
	return document;
}

static int decode(jv document, struct error *err)
{
	struct workflow *w;
	struct buf bytes;
	int result;

	buf_init(&bytes, BYTES_MAX);
	assert_int_equal(msgpack_print(document, &bytes), 0);
	result = workflow_decode(buf_slice(&bytes), &w, err);
	if (result == 0)
		workflow_free(w);
	buf_clear(&bytes);
	jv_free(document);
	return result;
}

static const char book[] =
	"name: book\n"
	"input: {type: object, properties: {folder: {default: x}}}\n"
	"defaults: {timeout: 2m, retry: {attempts: 5, delay: 3s}}\n"
	"steps:\n"
	"  ingest:\n"
	"    exec: {command: [ingest, \"${.input.folder}\"]}\n"
	"  pair:\n"
	"    needs: ingest\n"
	"    retry: {on: [timeout]}\n"
	"    exec: {command: [pair], stdin: \"${.steps.ingest.output}\"}\n"
	"  publish:\n"
	"    needs: [pair, ingest]\n"
	"    http: {url: \"https://host/\", json: [1, null]}\n"
	"output: \"${.steps | keys}\"\n";

/* --- the stored form ----------------------------------------------------- */

static void what_means_the_same_has_the_same_digest(void **state)
{
	struct workflow *a = parse("name: a\n"
				   "steps:\n"
				   "  x: {pass: {value: 1}}\n"
				   "  y: {needs: [x], pass: }\n");
	struct workflow *b = parse("steps:\n"
				   "  y: {pass: {}, needs: x, timeout: 300s}\n"
				   "  x:\n"
				   "    pass: {value: 1.0}\n"
				   "    retry: {attempts: 3}\n"
				   "name: a\n");
	struct workflow *c = parse("name: a\n"
				   "steps:\n"
				   "  x: {pass: {value: 2}}\n"
				   "  y: {needs: [x], pass: }\n");

	(void)state;
	assert_string_equal(a->digest, b->digest);
	assert_true(slice_equal(a->canonical, b->canonical));
	assert_string_not_equal(a->digest, c->digest);
	workflow_free(a);
	workflow_free(b);
	workflow_free(c);
}

static void what_was_stored_is_read_the_same(void **state)
{
	struct workflow *w = parse(book), *again;
	struct error err;

	(void)state;
	assert_int_equal(workflow_decode(w->canonical, &again, &err), 0);
	assert_string_equal(w->digest, again->digest);
	assert_true(slice_equal(w->graph, again->graph));
	assert_int_equal(again->steps_count, w->steps_count);
	for (size_t i = 0; i < w->steps_count; i++) {
		const struct step *a = &w->steps[i], *b = &again->steps[i];
		assert_string_equal(a->name, b->name);
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->timeout_ms, b->timeout_ms);
		assert_memory_equal(&a->retry, &b->retry, sizeof(a->retry));
		assert_true(jv_equal(jv_copy(a->params), jv_copy(b->params)));
	}
	workflow_free(w);
	workflow_free(again);
}

static void the_graph_is_what_the_library_reads(void **state)
{
	struct workflow *w = parse("name: a\n"
				   "deadline: 1s\n"
				   "steps:\n"
				   "  x: {pass: {value: \"${.input}\"}}\n"
				   "  y:\n"
				   "    needs: x\n"
				   "    queue: q\n"
				   "    pass: {value: \"${.steps.x}\"}\n");
	struct error err;
	jv graph, expected;

	(void)state;
	assert_int_equal(msgpack_parse(w->graph, &graph, &err), 0);
	assert_int_equal(
		json_parse(
			SLICE("{\"name\":\"a\",\"deadline\":1000,\"total\":2,"
			      "\"roots\":[\"x\"],\"queues\":[\"default\",\"q\""
			      "],\"steps\":{\"x\":{\"queue\":\"default\","
			      "\"kind\":\"pass\",\"needs\":[],\"next\":[\"y\"],"
			      "\"reads\":[],\"input\":true,\"recoveries\":3},"
			      "\"y\":{\"queue\":\"q\",\"kind\":\"pass\","
			      "\"needs\":[\"x\"],\"next\":[],\"reads\":[\"x\"],"
			      "\"input\":false,\"recoveries\":3}}}"),
			&expected, &err),
		0);
	assert_true(jv_equal(graph, expected));
	workflow_free(w);
}

static const char trip[] = "name: a\n"
			   "compensate_on: failed\n"
			   "steps:\n"
			   "  x:\n"
			   "    queue: q\n"
			   "    pass: {value: 1}\n"
			   "    compensate:\n"
			   "      timeout: 1s\n"
			   "      unfinished: true\n"
			   "      pass: {value: \"${.steps.x.output}\"}\n"
			   "  y: {needs: x, pass: }\n"
			   "finally:\n"
			   "  z: {pass: }\n"
			   "output: ${.steps.y.output}\n";

static jv graph_of(const struct workflow *w)
{
	struct error err;
	jv graph;

	assert_int_equal(msgpack_parse(w->graph, &graph, &err), 0);
	return graph;
}

/* path: keys with blanks between, as names may have dots */
static void has(jv graph, const char *path, const char *json)
{
	jv keys = jv_string_split(jv_string(path), jv_string(" "));
	jv found = jv_getpath(jv_copy(graph), keys);
	struct error err;
	jv expected;

	assert_int_equal(json_parse(slice_of(json), &expected, &err), 0);
	if (!jv_equal(found, expected))
		fail_msg("%s is not %s", path, json);
}

static void what_undoes_a_step_is_a_step(void **state)
{
	struct workflow *w = parse(trip);
	const struct step *undo = workflow_find(w, SLICE("x.undo"));
	jv graph = graph_of(w);

	(void)state;
	assert_non_null(undo);
	assert_int_equal(undo->timeout_ms, 1000);
	assert_string_equal(undo->queue, "q");
	has(graph, "undo",
	    "{\"steps\":[\"x\"],\"failed\":true,\"cancelled\":false}");
	has(graph, "total", "4");
	has(graph, "roots", "[\"x\"]");
	has(graph, "closing", "[\"z\"]");
	has(graph, "steps x undo", "\"x.undo\"");
	has(graph, "steps x next", "[\"y\"]");
	has(graph, "steps output needs", "[\"y\"]");
	has(graph, "steps z needs", "[\"output\"]");
	has(graph, "steps x.undo when", "\"undo\"");
	has(graph, "steps x.undo needs", "[\"x\"]");
	has(graph, "steps x.undo reads", "[\"x\",\".reason\"]");
	has(graph, "steps x.undo unfinished", "true");
	jv_free(graph);
	workflow_free(w);
}

static void undoing_that_is_damaged_is_refused(void **state)
{
	static const struct {
		const char *from, *key, *json;
	} changes[] = {
		{"x.undo", "needs", "[\"y\"]"},
		{"x.undo", "needs", "[\"x\",\"y\"]"},
		{"x.undo", "when", "\"always\""},
		{"y", "when", "\"undo\""},
	};
	jv document = document_of(trip);

	(void)state;
	for (size_t i = 0; i < countof(changes); i++) {
		jv path =
			JV_ARRAY(jv_string("steps"), jv_string(changes[i].from),
				 jv_string(changes[i].key));
		struct error err;
		jv value;

		assert_int_equal(
			json_parse(slice_of(changes[i].json), &value, &err), 0);
		jv changed = jv_setpath(jv_copy(document), path, value);
		assert_int_equal(decode(changed, &err), -1);
		if (!strstr(err.text, "undoes no step"))
			fail_msg("%zu: %s", i, err.text);
	}
	jv_free(document);
}

/* path: the keys to what is set, "steps.a.kind"; the value as JSON. */
static jv change(jv document, const char *path, const char *json)
{
	jv keys = jv_string_split(jv_string(path), jv_string("."));
	struct error err;
	jv value;

	assert_int_equal(json_parse(slice_of(json), &value, &err), 0);
	document = jv_setpath(document, keys, value);
	assert_true(jv_is_valid(document));
	return document;
}

static void what_is_not_understood_is_unsupported(void **state)
{
	static const struct {
		const char *path, *json;
	} changes[] = {
		{"version", "2"},
		{"version", "\"1\""},
		{"steps.a.kind", "\"dance\""},
		{"steps.a.kind", "null"},
		{"steps.a.for_each", "[]"},
		{"priority", "1"},
		{"compensate_on", "[\"done\"]"},
	};
	jv document = document_of("name: a\nsteps:\n  a: {pass: }\n");

	(void)state;
	assert_int_equal(decode(jv_copy(document), NULL), 0);
	for (size_t i = 0; i < countof(changes); i++) {
		struct error err;
		jv changed = change(jv_copy(document), changes[i].path,
				    changes[i].json);
		assert_int_equal(decode(changed, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		if (!strstr(err.text, "unsupported"))
			fail_msg("%s: %s", changes[i].path, err.text);
	}
	jv_free(document);
}

static void what_is_damaged_is_refused(void **state)
{
	static const struct {
		const char *path, *json;
	} changes[] = {
		{"name", "\"A B\""},
		{"name", "3"},
		{"deadline", "-1"},
		{"deadline", "\"1h\""},
		{"input", "{\"type\":\"strange\"}"},
		{"steps", "{}"},
		{"steps", "[]"},
		{"steps.b", "3"},
		{"steps.b.needs", "[\"nobody\"]"},
		{"steps.b.needs", "[\"b\"]"},
		{"steps.b.needs", "[\"a\",\"a\"]"},
		{"steps.b.needs", "[3]"},
		{"steps.a.needs", "[\"b\"]"},
		{"steps.b.queue", "\"{x}\""},
		{"steps.b.timeout", "0"},
		{"steps.b.timeout", "1e18"},
		{"steps.b.recoveries", "-1"},
		{"steps.b.retry", "{}"},
		{"steps.b.retry.attempts", "0"},
		{"steps.b.retry.factor", "0"},
		{"steps.b.retry.jitter", "null"},
		{"steps.b.retry.on", "[\"strange\"]"},
		{"steps.b.params", "3"},
		{"steps.b.params.value", "\"${\""},
		{"steps.b.params.value", "\"${.steps.b.output}\""},
		{"steps.b.params.value", "\"${.steps.nobody.output}\""},
		{"steps.b.params.strange", "1"},
		{"compensate_on", "3"},
	};
	jv document = document_of("name: a\n"
				  "steps:\n"
				  "  a: {pass: }\n"
				  "  b: {needs: a, pass: }\n");

	(void)state;
	for (size_t i = 0; i < countof(changes); i++) {
		struct error err;
		jv changed = change(jv_copy(document), changes[i].path,
				    changes[i].json);
		if (decode(changed, &err) == 0)
			fail_msg("%s %s is accepted", changes[i].path,
				 changes[i].json);
		assert_int_equal(err.kind, ERR_INPUT);
	}
	jv_free(document);
}

static void what_is_cut_off_is_refused(void **state)
{
	struct workflow *w = parse(book), *cut;
	struct error err;

	(void)state;
	for (size_t len = 0; len < w->canonical.len; len++) {
		/* A copy of its own, so that reading past it is noticed. */
		char *bytes = xmalloc(len);
		memcpy(bytes, w->canonical.data, len);
		assert_int_equal(
			workflow_decode((struct slice){bytes, len}, &cut, &err),
			-1);
		free(bytes);
	}
	workflow_free(w);
}

/* --- limits -------------------------------------------------------------- */

/* count steps, each needing the one before. */
static void print_chain(struct buf *yaml, int count, const char *params)
{
	buf_init(yaml, BYTES_MAX);
	buf_adds(yaml, "name: chain\nsteps:\n");
	for (int i = 0; i < count; i++) {
		buf_addf(yaml, "  s%d:\n    pass: %s\n", i, params);
		if (i)
			buf_addf(yaml, "    needs: s%d\n", i - 1);
	}
}

static void a_thousand_steps_are_enough(void **state)
{
	struct workflow *w;
	struct error err;
	struct buf yaml;

	(void)state;
	print_chain(&yaml, 1000, "{value: 1}");
	assert_int_equal(workflow_parse(buf_slice(&yaml), "a", &w, &err), 0);
	assert_string_equal(w->steps[999].name, "s999");
	workflow_free(w);
	buf_adds(&yaml, "output: 1\n");
	refuses(yaml.data, "test.yaml:2: there are 1000 steps and an output");
	buf_clear(&yaml);
	print_chain(&yaml, 1001, "{value: 1}");
	refuses(yaml.data, "test.yaml:2: there are 1001 steps");
	buf_clear(&yaml);
}

static void needs_and_reads_are_limited(void **state)
{
	struct buf yaml;

	(void)state;
	buf_init(&yaml, BYTES_MAX);
	buf_adds(&yaml, "name: a\nsteps:\n");
	for (int i = 0; i < 160; i++) {
		buf_addf(&yaml, "  s%d:\n    pass:\n    needs: [", i);
		for (int k = 0; k < i; k++)
			buf_addf(&yaml, "s%d,", k);
		buf_adds(&yaml, "]\n");
	}
	refuses(yaml.data, "there are more than 10000 needs");
	buf_clear(&yaml);
	print_chain(&yaml, 300, "{value: \"${.steps}\"}");
	refuses(yaml.data, "read more than 20000 outputs");
	buf_clear(&yaml);
}

static void large_params_and_files_are_refused(void **state)
{
	char *text = xmalloc(600 << 10);
	struct buf yaml;

	(void)state;
	memset(text, 'x', (600 << 10) - 1);
	text[(600 << 10) - 1] = '\0';
	buf_init(&yaml, BYTES_MAX);
	buf_addf(&yaml, "name: a\nsteps:\n  a:\n    pass: {value: %s}\n", text);
	refuses(yaml.data, "test.yaml:4: step \"a\": its parameters are "
			   "larger than 256 KiB");
	buf_addf(&yaml, "# %s\n", text);
	refuses(yaml.data, "test.yaml: is larger than 1024 KiB");
	buf_clear(&yaml);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_means_the_same_has_the_same_digest),
		cmocka_unit_test(what_was_stored_is_read_the_same),
		cmocka_unit_test(the_graph_is_what_the_library_reads),
		cmocka_unit_test(what_undoes_a_step_is_a_step),
		cmocka_unit_test(undoing_that_is_damaged_is_refused),
		cmocka_unit_test(what_is_not_understood_is_unsupported),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(a_thousand_steps_are_enough),
		cmocka_unit_test(needs_and_reads_are_limited),
		cmocka_unit_test(large_params_and_files_are_refused),
	};

	return cmocka_run_group_tests_name("definition", tests, NULL, NULL);
}
