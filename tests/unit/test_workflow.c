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

static const struct step *get(const struct workflow *w, const char *name)
{
	const struct step *step = workflow_find(w, slice_of(name));

	assert_non_null(step);
	return step;
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

/* Each block of YAML in it is a whole workflow; returns how many there are. */
static int check_document(const char *path)
{
	static char bytes[FILE_MAX];
	int count = 0;
	char *end;

	read_file(path, bytes);
	for (char *at = bytes; (at = strstr(at, "```yaml\n")); at = end) {
		at += strlen("```yaml\n");
		end = strstr(at, "```\n");
		assert_non_null(end);
		check_good((struct slice){at, (size_t)(end - at)}, path);
		end += strlen("```\n");
		count++;
	}
	return count;
}

static void what_documents_show_is_good(void **state)
{
	(void)state;
	assert_true(check_document("docs/WORKFLOWS.md") > 20);
	assert_int_equal(check_document("README.md"), 1);
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

static void rounds_and_signals_are_told(void **state)
{
	struct workflow *w = parse(
		"name: a\n"
		"steps:\n"
		"  a:\n"
		"    repeat: {until: \"${.input.x}\", every: 90s, max: 7}\n"
		"    pass: {value: \"${.round}\"}\n"
		"  b: {needs: a, wait: {signal: go}}\n");
	const struct step_repeat *r = &get(w, "a")->repeat;
	jv graph, steps, a, b;

	(void)state;
	assert_non_null(r->until);
	assert_int_equal(r->every_ms, 90000);
	assert_int_equal(r->rounds_max, 7);
	assert_true(get(w, "a")->reads_input);
	assert_null(get(w, "b")->repeat.until);
	assert_int_equal(msgpack_parse(w->graph, &graph, NULL), 0);
	steps = value_get(graph, "steps");
	a = value_get(steps, "a");
	b = value_get(steps, "b");
	assert_true(jv_equal(value_get(a, "rounds"), jv_number(7)));
	assert_true(jv_equal(value_get(b, "signal"), jv_string("go")));
	jv_free(a);
	jv_free(b);
	jv_free(steps);
	jv_free(graph);
	workflow_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_refused_with_line_and_remedy),
		cmocka_unit_test(the_examples_are_good),
		cmocka_unit_test(what_documents_show_is_good),
		cmocka_unit_test(steps_come_after_what_they_need),
		cmocka_unit_test(defaults_are_merged_key_by_key),
		cmocka_unit_test(reads_are_steps_by_name),
		cmocka_unit_test(a_bare_steps_reads_all_ancestors),
		cmocka_unit_test(output_becomes_a_last_step),
		cmocka_unit_test(rounds_and_signals_are_told),
		cmocka_unit_test(
			constant_params_become_texts_where_texts_are_wanted),
	};

	return cmocka_run_group_tests_name("workflow", tests, NULL, NULL);
}
