/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/workflow.h"

#define FILE_MAX (2 << 20)

/* --- helpers ------------------------------------------------------------- */

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

static const struct step *get(const struct workflow *w, const char *name)
{
	const struct step *step = workflow_find(w, slice_of(name));

	assert_non_null(step);
	return step;
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

	buf_init(&bytes, FILE_MAX);
	assert_int_equal(msgpack_print(document, &bytes), 0);
	result = workflow_decode(buf_slice(&bytes), &w, err);
	if (result == 0)
		workflow_free(w);
	buf_clear(&bytes);
	jv_free(document);
	return result;
}

/* --- tests/data/bad ------------------------------------------------------ */

static size_t read_file(const char *path, char *bytes)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t len = fread(bytes, 1, FILE_MAX - 1, file);
	fclose(file);
	bytes[len] = '\0';
	return len;
}

/*
 * The file's first line is "#" and the complaint without the path; where it
 * ends in "...", the rest is jq's or the system's and may differ.
 */
static void check_bad_file(const char *path)
{
	static char bytes[FILE_MAX];
	struct error err = {.text = ""};
	struct workflow *w;
	char expected[600];

	size_t len = read_file(path, bytes);
	int line = (int)strcspn(bytes, "\n");
	snprintf(expected, sizeof(expected), "%s:%.*s", path, line - 1,
		 bytes + 1);
	if (workflow_parse((struct slice){bytes, len}, path, &w, &err) == 0)
		fail_msg("%s is accepted", path);
	assert_int_equal(err.kind, ERR_INPUT);

	char *end = strstr(expected, "...");
	size_t compared =
		end && !end[3] ? (size_t)(end - expected) : sizeof(expected);
	if (strncmp(err.text, expected, compared) != 0)
		fail_msg("expected \"%s\"\ngot \"%s\"", expected, err.text);
}

static void bad_files_are_refused_with_line_and_remedy(void **state)
{
	DIR *folder = opendir("tests/data/bad");
	struct dirent *entry;
	char path[320];
	int count = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (!strstr(entry->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), "tests/data/bad/%s",
			 entry->d_name);
		check_bad_file(path);
		count++;
	}
	closedir(folder);
	assert_true(count > 100);
}

static void check_good(struct slice yaml, const char *path)
{
	struct workflow *w;
	struct error err;

	if (workflow_parse(yaml, path, &w, &err) != 0)
		fail_msg("%s", err.text);
	workflow_free(w);
}

static void the_examples_are_good(void **state)
{
	static char bytes[FILE_MAX];
	DIR *folder = opendir("config/workflows");
	struct dirent *entry;
	char path[320];

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (!strstr(entry->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), "config/workflows/%s",
			 entry->d_name);
		size_t len = read_file(path, bytes);
		check_good((struct slice){bytes, len}, path);
	}
	closedir(folder);
}

/* Each block of YAML in it is a whole workflow. */
static void what_the_manual_shows_is_good(void **state)
{
	static char bytes[FILE_MAX];
	int count = 0;
	char *end;

	(void)state;
	read_file("docs/WORKFLOWS.md", bytes);
	for (char *at = bytes; (at = strstr(at, "```yaml\n")); at = end) {
		at += strlen("```yaml\n");
		end = strstr(at, "```\n");
		assert_non_null(end);
		check_good((struct slice){at, (size_t)(end - at)},
			   "docs/WORKFLOWS.md");
		end += strlen("```\n");
		count++;
	}
	assert_true(count > 8);
}

/* --- the model ----------------------------------------------------------- */

static const char book[] =
	"name: picture-book\n"
	"description: a book\n"
	"deadline: 1h\n"
	"input: {type: object, required: [folder]}\n"
	"defaults: {timeout: 2m, retry: {attempts: 5, delay: 3s}, queue: q}\n"
	"steps:\n"
	"  pair:\n"
	"    needs: ingest\n"
	"    retry: {delay: 0, on: [timeout]}\n"
	"    queue: gpu\n"
	"    exec:\n"
	"      command: [pair, 3, true]\n"
	"      stdin: \"${.steps.ingest.output.images}\"\n"
	"  ingest:\n"
	"    timeout: 5m\n"
	"    recoveries: 0\n"
	"    exec: {command: [ingest, \"${.input.folder}\"]}\n"
	"  publish:\n"
	"    needs: [pages, pair]\n"
	"    http: {url: \"https://host/${.steps.pages.output}\"}\n"
	"  pages:\n"
	"    needs: ingest\n"
	"    pass:\n";

static void steps_come_after_what_they_need(void **state)
{
	struct workflow *w = parse(book);

	(void)state;
	assert_string_equal(w->name, "picture-book");
	assert_string_equal(w->description, "a book");
	assert_int_equal(w->deadline_ms, 3600000);
	assert_int_equal(w->steps_count, 4);
	assert_true(jv_get_kind(w->input) == JV_KIND_OBJECT);
	for (size_t i = 0; i < w->steps_count; i++)
		for (size_t k = 0; k < w->steps[i].needs_count; k++)
			assert_true(w->steps[i].needs[k] < (int)i);
	const struct step *ingest = get(w, "ingest");
	assert_ptr_equal(ingest, &w->steps[0]);
	assert_int_equal(ingest->next_count, 2);
	assert_string_equal(w->steps[ingest->next[0]].name, "pages");
	assert_string_equal(w->steps[ingest->next[1]].name, "pair");
	assert_int_equal(get(w, "publish")->needs_count, 2);
	assert_null(workflow_find(w, SLICE("nope")));
	workflow_free(w);
}

static void defaults_are_merged_key_by_key(void **state)
{
	struct workflow *w = parse(book);
	const struct step *pair = get(w, "pair");
	const struct step *ingest = get(w, "ingest");

	(void)state;
	assert_string_equal(pair->queue, "gpu");
	assert_string_equal(ingest->queue, "q");
	assert_int_equal(pair->timeout_ms, 120000);
	assert_int_equal(ingest->timeout_ms, 300000);
	assert_int_equal(pair->recoveries_max, 3);
	assert_int_equal(ingest->recoveries_max, 0);
	assert_int_equal(pair->retry.attempts_max, 5);
	assert_int_equal(pair->retry.delay_ms, 0);
	assert_int_equal(ingest->retry.delay_ms, 3000);
	assert_int_equal(pair->retry.classes, 1u << FAILURE_TIMEOUT);
	assert_int_equal(ingest->retry.classes, retry_default().classes);
	workflow_free(w);
}

static void reads_are_steps_by_name(void **state)
{
	struct workflow *w = parse(book);
	const struct step *pair = get(w, "pair");

	(void)state;
	assert_true(get(w, "ingest")->reads_input);
	assert_int_equal(get(w, "ingest")->reads_count, 0);
	assert_false(pair->reads_input);
	assert_int_equal(pair->reads_count, 1);
	assert_int_equal(pair->reads[0], 0);
	workflow_free(w);
}

static void a_bare_steps_reads_all_ancestors(void **state)
{
	struct workflow *w = parse("name: a\n"
				   "steps:\n"
				   "  a: {pass: }\n"
				   "  b: {needs: a, pass: }\n"
				   "  c: {needs: b, pass: {value: "
				   "\"${.steps | keys}\"}}\n"
				   "  d: {pass: }\n");
	const struct step *c = get(w, "c");

	(void)state;
	assert_int_equal(c->reads_count, 2);
	assert_string_equal(w->steps[c->reads[0]].name, "a");
	assert_string_equal(w->steps[c->reads[1]].name, "b");
	workflow_free(w);
}

static void output_becomes_a_last_step(void **state)
{
	struct workflow *w = parse("name: a\n"
				   "steps:\n"
				   "  a: {queue: slow, pass: }\n"
				   "  b: {needs: a, queue: slow, pass: }\n"
				   "  c: {needs: a, pass: }\n"
				   "output: {x: \"${.steps.a.output}\"}\n");
	const struct step *output = get(w, "output");

	(void)state;
	assert_int_equal(w->steps_count, 4);
	assert_ptr_equal(output, &w->steps[3]);
	assert_int_equal(output->kind, STEP_pass);
	assert_int_equal(output->needs_count, 2);
	assert_int_equal(output->reads_count, 1);
	assert_string_equal(output->queue, "slow");
	workflow_free(w);
}

static void constant_params_become_texts_where_texts_are_wanted(void **state)
{
	struct workflow *w = parse(book);
	jv command = value_get(get(w, "pair")->params, "command");

	(void)state;
	assert_true(
		jv_equal(command, JV_ARRAY(jv_string("pair"), jv_string("3"),
					   jv_string("true"))));
	workflow_free(w);
}

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
	buf_init(yaml, 8 << 20);
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
	buf_init(&yaml, 8 << 20);
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
	buf_init(&yaml, 8 << 20);
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
		cmocka_unit_test(bad_files_are_refused_with_line_and_remedy),
		cmocka_unit_test(the_examples_are_good),
		cmocka_unit_test(what_the_manual_shows_is_good),
		cmocka_unit_test(steps_come_after_what_they_need),
		cmocka_unit_test(defaults_are_merged_key_by_key),
		cmocka_unit_test(reads_are_steps_by_name),
		cmocka_unit_test(a_bare_steps_reads_all_ancestors),
		cmocka_unit_test(output_becomes_a_last_step),
		cmocka_unit_test(
			constant_params_become_texts_where_texts_are_wanted),
		cmocka_unit_test(what_means_the_same_has_the_same_digest),
		cmocka_unit_test(what_was_stored_is_read_the_same),
		cmocka_unit_test(the_graph_is_what_the_library_reads),
		cmocka_unit_test(what_is_not_understood_is_unsupported),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(a_thousand_steps_are_enough),
		cmocka_unit_test(needs_and_reads_are_limited),
		cmocka_unit_test(large_params_and_files_are_refused),
	};

	return cmocka_run_group_tests_name("workflow", tests, NULL, NULL);
}
