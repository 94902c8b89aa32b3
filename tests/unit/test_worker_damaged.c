/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

/*
 * Data that is damaged, or that Redis does not give: which step it fails, and
 * how.
 */
static const char one[] = "name: one\n"
			  "steps:\n"
			  "  a: {pass: {value: 1}}\n";

/* A worker begins, finds step `a` so, and ends. */
static void finds(struct plant *p, const char *run, const char *state)
{
	hire(p, "default");
	until_step(p, run, "a", state);
	assert_int_equal(dismiss(p), 0);
}

static void a_damaged_input_fails_its_step(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: reads\n"
		   "steps:\n"
		   "  a: {pass: {value: \"${.input.n}\"}}\n",
		   small, run, 1);
	write_field(&p, "run", run[0], "input", SLICE("\xc1"));
	finds(&p, run[0], "dead");
	assert_failed(&p, run[0], "a", "expression", "input: ");
	workflow_free(w);
	plant_close(&p);
}

static void a_damaged_output_fails_who_reads_it(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: reads\n"
		   "steps:\n"
		   "  a: {pass: {value: 1}}\n"
		   "  b:\n"
		   "    needs: [a]\n"
		   "    queue: other\n"
		   "    pass: {value: \"${.steps.a.output}\"}\n",
		   no_input, run, 1);
	finds(&p, run[0], "done");
	write_field(&p, "out", run[0], "a", SLICE("\xc1"));
	hire(&p, "other");
	until_step(&p, run[0], "b", "dead");
	assert_failed(&p, run[0], "b", "expression", "a: ");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_damaged_memo_is_none(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, no_input, run, 1);
	leave_memo(&p, run[0], SLICE("\xc1"));
	finds(&p, run[0], "done");
	workflow_free(w);
	plant_close(&p);
}

static void without_its_definition_a_step_is_tried_again(void **state)
{
	char run[1][RUN_ID_LEN + 1], words[160];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, no_input, run, 1);
	snprintf(words, sizeof(words), "HDEL treadle:{0}:def:%s canonical",
		 w->digest);
	shop_say(&p.shop, words);
	finds(&p, run[0], "delayed");
	assert_failed(&p, run[0], "a", "transient", "not stored any more");
	workflow_free(w);
	plant_close(&p);
}

/* In a cluster, until the data is where it belongs. */
static void without_an_answer_to_a_definition_a_step_is_tried_again(
	void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, no_input, run, 1);
	answer_to(&p, "definition", "return {err = 'MOVED 7 127.0.0.1:1'}");
	finds(&p, run[0], "delayed");
	assert_failed(&p, run[0], "a", "transient", "asking for definition");
	workflow_free(w);
	plant_close(&p);
}

static void a_definition_that_is_not_understood_is_told(void **state)
{
	char runs[3][RUN_ID_LEN + 1];
	struct workflow *w, *reads, *other;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, no_input, &runs[0], 1);
	write_field(&p, "def", w->digest, "canonical", SLICE("?"));
	finds(&p, runs[0], "dead");
	assert_failed(&p, runs[0], "a", "unsupported", "definition");

	other = submit(&p,
		       "name: other\n"
		       "steps:\n"
		       "  z: {pass: {value: 1}}\n",
		       no_input, &runs[1], 1);
	workflow_free(w);
	w = submit(&p, "name: two\nsteps: {a: {pass: {value: 2}}}\n", no_input,
		   &runs[1], 1);
	write_field(&p, "def", w->digest, "canonical", other->canonical);
	finds(&p, runs[1], "dead");
	assert_failed(&p, runs[1], "a", "unsupported", "no step of this name");

	/* Redis knows another one, and does not give what this one reads. */
	reads = submit(
		&p,
		"name: reads\n"
		"steps:\n"
		"  z: {queue: other, pass: {value: 1}}\n"
		"  a: {needs: [z], pass: {value: \"${.steps.z.output}\"}}\n",
		no_input, &runs[2], 1);
	workflow_free(w);
	w = submit(&p, "name: three\nsteps: {a: {pass: {value: 3}}}\n",
		   no_input, &runs[2], 1);
	write_field(&p, "def", w->digest, "canonical", reads->canonical);
	finds(&p, runs[2], "dead");
	assert_failed(&p, runs[2], "a", "expression", "0 of 1 outputs");
	workflow_free(w);
	workflow_free(reads);
	workflow_free(other);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(a_damaged_input_fails_its_step),
		WITH_SERVER(a_damaged_output_fails_who_reads_it),
		WITH_SERVER(a_damaged_memo_is_none),
		WITH_SERVER(without_its_definition_a_step_is_tried_again),
		WITH_SERVER(
			without_an_answer_to_a_definition_a_step_is_tried_again),
		WITH_SERVER(a_definition_that_is_not_understood_is_told),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker damaged", tests, NULL, NULL);
}
