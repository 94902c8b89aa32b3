/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "treadle/config.h"
#include "treadle/value.h"

/* A loaded configuration and what it was made of; one for each test. */
struct fixture {
	char file[64];
	struct config *config;
	struct error err;
	char *argv[16];
	int argc;
};

static int begin(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->file, sizeof(f->file), "/tmp/treadle-test-XXXXXX");
	close(mkstemp(f->file));
	setenv("TREADLE_CONFIG", f->file, 1);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	unlink(f->file);
	config_free(f->config);
	unsetenv("TREADLE_WORKER_SLOTS");
	unsetenv("TREADLE_REDIS_URL");
	free(f);
	return 0;
}

static void write_file(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->file, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int load(struct fixture *f, enum config_reader reader, const char *args)
{
	struct slice rest = slice_of(args);
	static char words[16][64];

	for (f->argc = 0; rest.len; f->argc++) {
		struct slice word = slice_cut(&rest, ' ');

		snprintf(words[f->argc], sizeof(words[0]), "%.*s",
			 (int)word.len, word.data);
		f->argv[f->argc] = words[f->argc];
	}
	return config_load(reader, &f->argc, f->argv, &f->config, &f->err);
}

static void assert_loads(struct fixture *f, const char *args)
{
	if (load(f, CONFIG_WORKER, args) < 0)
		fail_msg("%s", f->err.text);
}

/* The complaint is what follows the name of the file, if it begins so. */
static void assert_refused(struct fixture *f, const char *args,
			   enum error_kind kind, const char *complaint)
{
	const char *text = f->err.text;

	assert_int_equal(load(f, CONFIG_WORKER, args), -1);
	assert_int_equal(f->err.kind, kind);
	if (slice_starts(slice_of(text), f->file))
		text += strlen(f->file);
	assert_string_equal(text, complaint);
}

/* What one of the printing functions prints; to be freed. */
static char *explained(const struct config *config, enum config_reader reader)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_explain(config, reader, out);
	fclose(out);
	return text;
}

static void defaults_are_there(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, "");
	assert_string_equal(f->config->redis.url, "redis://127.0.0.1:6379/0");
	assert_int_equal(f->config->redis.timeout, 10000);
	assert_int_equal(f->config->worker.slots, 64);
	assert_int_equal(f->config->worker.output_max, 1 << 20);
	assert_int_equal(f->config->worker.queues.count, 1);
	assert_string_equal(f->config->worker.queues.items[0], "default");
	assert_int_equal(f->config->worker.expose.count, 0);
}

static void a_flag_wins_over_environment_over_file(void **state)
{
	struct fixture *f = *state;

	write_file(f, "worker:\n  slots: 1\n  lease: 20s\n  grace: 1m\n");
	setenv("TREADLE_WORKER_SLOTS", "2", 1);
	setenv("TREADLE_WORKER_LEASE", "21s", 1);
	assert_loads(f, "--worker-slots 3");
	unsetenv("TREADLE_WORKER_LEASE");
	assert_int_equal(f->config->worker.slots, 3);
	assert_int_equal(f->config->worker.lease, 21000);
	assert_int_equal(f->config->worker.grace, 60000);
}

static void the_file_holds_all_types(void **state)
{
	struct fixture *f = *state;

	write_file(f, "worker:\n"
		      "  queues: [a, b]\n"
		      "  environment: X, Y,\n"
		      "  output_max: 2MiB\n"
		      "  grace: 0\n"
		      "log: {level: debug}\n"
		      "redis:\n"
		      "coordinator:\n"
		      "  lead:\n");
	assert_loads(f, "");
	assert_int_equal(f->config->worker.queues.count, 2);
	assert_string_equal(f->config->worker.queues.items[1], "b");
	assert_int_equal(f->config->worker.environment.count, 2);
	assert_int_equal(f->config->worker.output_max, 2 << 20);
	assert_int_equal(f->config->worker.grace, 0);
	assert_string_equal(f->config->log.level, "debug");
	assert_int_equal(f->config->coordinator.lead, 5000);
}

static void what_is_no_option_stays_in_order(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, "a --worker-slots=7 --check b --worker-slot 1 "
			"--coordinator-lead=9s -- --worker-slots 8");
	assert_int_equal(f->config->worker.slots, 7);
	assert_int_equal(f->argc, 8);
	assert_string_equal(f->argv[0], "a");
	assert_string_equal(f->argv[1], "--check");
	assert_string_equal(f->argv[2], "b");
	assert_string_equal(f->argv[3], "--worker-slot");
	assert_string_equal(f->argv[5], "--coordinator-lead=9s");
	assert_string_equal(f->argv[6], "--worker-slots");
}

static void wrong_values_are_refused_with_their_place(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "--worker-slots 0", ERR_USAGE,
		       "--worker-slots: 0 is not within 1 and 100000");
	assert_refused(f, "--worker-lease 5", ERR_USAGE,
		       "--worker-lease: \"5\" is not a duration like 30s or "
		       "1h30m");
	assert_refused(f, "--log-level=loud", ERR_USAGE,
		       "--log-level: \"loud\" is none of: error warn info "
		       "debug");
	assert_refused(f, "--worker-slots", ERR_USAGE,
		       "--worker-slots needs a value");
	setenv("TREADLE_WORKER_SLOTS", "many", 1);
	assert_refused(f, "", ERR_INPUT,
		       "TREADLE_WORKER_SLOTS: \"many\" is not a whole number");
	write_file(f, "worker:\n  output_max: 1KB\n");
	assert_refused(f, "", ERR_INPUT,
		       ":2: \"1KB\" is not a size like 64KiB or 4MiB");
	write_file(f, "redis: {url: [1]}\n");
	assert_refused(f, "", ERR_INPUT, ":1: an array cannot stand here");
}

static void unknown_keys_propose_the_nearest(void **state)
{
	struct fixture *f = *state;

	write_file(f, "log:\n  level: info\nworker:\n  slot: 3\n");
	assert_refused(f, "", ERR_INPUT,
		       ":4: worker.slot: no such option (did you mean "
		       "worker.slots?)");
	write_file(f, "workers:\n  slots: 3\n");
	assert_refused(f, "", ERR_INPUT,
		       ":1: workers: no such section (did you mean worker?)");
	write_file(f, "worker: 3\n");
	assert_refused(f, "", ERR_INPUT,
		       ":1: worker: expected options, each with its value, but "
		       "this is a number");
	assert_string_equal(config_nearest_flag(CONFIG_WORKER, "--worker-slot"),
			    "--worker-slots");
	assert_null(config_nearest_flag(CONFIG_PRODUCER, "--worker-slot"));
}

static void unknown_variables_are_refused_where_they_look_like_ours(
	void **state)
{
	struct fixture *f = *state;

	setenv("TREADLE_WORKER_SLOT", "3", 1);
	assert_refused(f, "", ERR_INPUT,
		       "TREADLE_WORKER_SLOT: no such option (did you mean "
		       "TREADLE_WORKER_SLOTS?)");
	unsetenv("TREADLE_WORKER_SLOT");
}

static void other_variables_are_let_be(void **state)
{
	const char *names[] = {"TREADLE_RUN",
			       "TREADLE_WORKFLOW",
			       "TREADLE_IDEMPOTENCY_KEY",
			       "TREADLE_SECRET_WORKER_X",
			       "TREADLE_CRASH_AT",
			       "TREADLE_REDIS_SERVICE_HOST",
			       "TREADLE_REDIS_PORT",
			       "TREADLE_REDIS_PORT_6379_TCP_ADDR"};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(names); i++)
		setenv(names[i], "x", 1);
	assert_loads(f, "");
	for (size_t i = 0; i < countof(names); i++)
		unsetenv(names[i]);
}

static void a_file_that_is_named_must_be_there(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "--config /nowhere/treadle.yaml", ERR_INPUT,
		       "cannot read /nowhere/treadle.yaml: No such file or "
		       "directory");
}

static void an_explanation_tells_where_a_value_is_from(void **state)
{
	struct fixture *f = *state;
	char *text, *line;

	write_file(f, "worker:\n  grace: 1m\n");
	setenv("TREADLE_WORKER_SLOTS", "2", 1);
	assert_loads(f, "--worker-queues a,b");
	text = explained(f->config, CONFIG_WORKER);
	line = xasprintf("%s:2\n", f->file);
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "TREADLE_WORKER_SLOTS\n"));
	assert_non_null(strstr(text, "--worker-queues\n"));
	assert_non_null(strstr(text, "default\n"));
	assert_null(strstr(text, "coordinator.lead"));
	free(line);
	free(text);
}

static void a_password_is_never_shown(void **state)
{
	const char *urls[] = {
		"redis://user:hunter2@host/0", "redis://:hunter2@host",
		"redis://u:h@hunter2@h",       "redis://hunter2@h",
		"redis://h?password=hunter2",  "hunter2"};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(urls); i++) {
		char *text;

		setenv("TREADLE_REDIS_URL", urls[i], 1);
		assert_loads(f, "");
		text = explained(f->config, CONFIG_WORKER);
		assert_null(strstr(text, "hunter2"));
		assert_non_null(strstr(text, "***"));
		free(text);
		config_free(f->config);
		f->config = NULL;
	}
}

static void the_annotated_file_sets_every_default(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(f->file, "w");
	struct config *plain;
	char *ours, *theirs;
	int argc = 0;

	config_defaults(file);
	fclose(file);
	assert_loads(f, "--config /dev/null");
	plain = f->config;
	f->config = NULL;
	assert_int_equal(
		config_load(CONFIG_WORKER, &argc, f->argv, &f->config, &f->err),
		0);
	assert_int_equal(f->config->producer.workflows.count,
			 plain->producer.workflows.count);
	assert_int_equal(f->config->coordinator.retention,
			 plain->coordinator.retention);
	ours = explained(f->config, CONFIG_WORKER);
	theirs = explained(plain, CONFIG_WORKER);
	assert_null(strstr(ours, "default\n"));
	for (char *a = ours, *b = theirs; a && b && *a;) {
		assert_memory_equal(a, b, strcspn(b, "\n") - strlen("default"));
		a = strchr(a, '\n') + 1;
		b = strchr(b, '\n') + 1;
	}
	free(ours);
	free(theirs);
	config_free(plain);
}

static void help_shows_the_options_of_one_program(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	config_help(CONFIG_COORDINATOR, out);
	fclose(out);
	assert_non_null(strstr(text, "  --coordinator-lead "));
	assert_non_null(strstr(text, "error, warn, info, debug [info]"));
	assert_null(strstr(text, "--worker"));
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 0, 79);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_there),
		TEST(a_flag_wins_over_environment_over_file),
		TEST(the_file_holds_all_types),
		TEST(what_is_no_option_stays_in_order),
		TEST(wrong_values_are_refused_with_their_place),
		TEST(unknown_keys_propose_the_nearest),
		TEST(unknown_variables_are_refused_where_they_look_like_ours),
		TEST(other_variables_are_let_be),
		TEST(a_file_that_is_named_must_be_there),
		TEST(an_explanation_tells_where_a_value_is_from),
		TEST(a_password_is_never_shown),
		TEST(the_annotated_file_sets_every_default),
		TEST(help_shows_the_options_of_one_program),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
