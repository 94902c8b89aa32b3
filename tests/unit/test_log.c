/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "treadle/log.h"
#include "treadle/text.h"
#include "treadle/value.h"

/* Standard error goes into a file while a test runs. */
struct capture {
	FILE *file;
	int stderr_fd;
	char text[8192];
};

static int divert(void **state)
{
	struct capture *c = xcalloc(1, sizeof(*c));

	c->file = tmpfile();
	c->stderr_fd = dup(STDERR_FILENO);
	*state = c;
	return dup2(fileno(c->file), STDERR_FILENO) < 0;
}

static int restore(void **state)
{
	struct capture *c = *state;

	dup2(c->stderr_fd, STDERR_FILENO);
	close(c->stderr_fd);
	fclose(c->file);
	free(c);
	return 0;
}

static const char *written(struct capture *c)
{
	ssize_t n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);

	c->text[n > 0 ? n : 0] = '\0';
	return c->text;
}

static const char *flushed(struct capture *c)
{
	log_flush();
	return written(c);
}

static void a_line_says_what_happened_and_to_what(void **state)
{
	log_start("test", LOG_INFO, false);
	log_info("step failed",
		 ABOUT(.run = "01k", .step = "ship", .attempt = 2,
		       .class = "timeout", .duration_ms = 30012),
		 "tried again in %ds", 4);
	assert_string_equal(flushed(*state) + strlen("12:04:31.207"),
			    " info  step failed  run=01k step=ship attempt=2 "
			    "class=timeout duration_ms=30012 -- tried again in "
			    "4s\n");
}

static void a_line_may_be_about_nothing(void **state)
{
	log_start("test", LOG_INFO, false);
	log_info("started", NULL, NULL);
	assert_string_equal(flushed(*state) + strlen("12:04:31.207"),
			    " info  started\n");
}

static void lines_wait_until_they_are_flushed(void **state)
{
	log_start("test", LOG_INFO, false);
	log_info("one", NULL, NULL);
	assert_string_equal(written(*state), "");
	log_warn("two", NULL, NULL);
	assert_non_null(strstr(written(*state), "one\n"));
	assert_non_null(strstr(written(*state), "two\n"));
}

static void what_is_not_important_enough_is_left_out(void **state)
{
	log_start("test", LOG_WARN, false);
	log_info("one", NULL, NULL);
	log_debug("two", NULL, NULL);
	assert_string_equal(flushed(*state), "");
	assert_false(log_is_on(LOG_INFO));
	assert_true(log_is_on(LOG_ERROR));
}

static void a_line_can_not_be_forged(void **state)
{
	log_start("test", LOG_INFO, false);
	log_info("seen", ABOUT(.step = "a b=\"c\""), "x\n00:00 \033[31m");
	assert_non_null(strstr(flushed(*state),
			       " step=\"a b=\\\"c\\\"\" -- x\\n00:00 "
			       "\\x1b[31m\n"));
}

static void json_holds_the_same(void **state)
{
	struct error err;
	jv v;

	log_start("test", LOG_INFO, true);
	log_info("step done",
		 ABOUT(.run = "01k", .attempt = 1, .duration_ms = 0.4),
		 "a \"note\"\n");
	assert_int_equal(json_parse(slice_of(flushed(*state)), &v, &err), 0);
	v = jv_object_delete(v, jv_string("time"));
	assert_true(
		jv_equal(v, jv_parse("{\"level\":\"info\",\"program\":\"test\","
				     "\"what\":\"step done\",\"run\":\"01k\","
				     "\"attempt\":1,\"duration_ms\":0.4,"
				     "\"note\":\"a \\\"note\\\"\\n\"}")));
}

static void secrets_are_masked_even_where_json_escapes_them(void **state)
{
	const char *text;

	log_mask("pass\"word");
	log_mask("pass");
	log_start("test", LOG_INFO, true);
	log_info("it is pass\"word", ABOUT(.step = "pass"), "%s",
		 "a pass, a pass\"word.");
	text = flushed(*state);
	assert_null(strstr(text, "pass"));
	assert_null(strstr(text, "word"));
	assert_non_null(strstr(text, "a ***, a ***."));
}

static void a_secret_at_the_end_of_a_long_text_is_masked(void **state)
{
	char *text = xmalloc(4200);

	memset(text, 'x', 4200);
	snprintf(text + 4090, 100, "hunter2-hunter2");
	log_mask("hunter2-hunter2");
	log_start("test", LOG_INFO, false);
	log_info("long", NULL, "%s", text);
	assert_null(strstr(flushed(*state), "hunter"));
	free(text);
}

static void other_texts_can_be_redacted(void **state)
{
	struct buf b;

	(void)state;
	log_mask("s3cret");
	log_mask("four");
	buf_init(&b, 100);
	buf_adds(&b, "s3crets3cret four s3cre");
	log_redact(&b);
	assert_string_equal(b.data, "****** *** s3cre");
	buf_clear(&b);
	log_redact(&b);
	assert_string_equal(b.data, "");
}

static void redacted(const char *text, const char *expected)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_adds(&b, text);
	log_redact(&b);
	assert_string_equal(b.data, expected);
	buf_clear(&b);
}

static void what_a_cut_leaves_of_a_secret_is_redacted(void **state)
{
	(void)state;
	log_mask("opensesame");
	redacted("it is opensesam", "it is ***");
	redacted("it is opense", "it is ***");
	redacted("it is opens", "it is opens");
	redacted("pensesame it is", "*** it is");
	redacted("sesame it is", "*** it is");
	redacted("esame it is", "esame it is");
	redacted("opensopense", "opens***");
	redacted("sesamesame", "***same");
	redacted("sesame", "***");
	redacted("opense opensesame sesame", "opense *** sesame");
	redacted("", "");
}

static void short_secrets_leave_ordinary_words_alone(void **state)
{
	const char *text;

	log_start("test", LOG_INFO, false);
	log_mask("");
	log_mask("a");
	log_mask("100");
	redacted("a run of 100 steps", "a run of 100 steps");
	text = strstr(flushed(*state), "secret not masked");
	assert_non_null(text);
	assert_null(strstr(text + 1, "secret not masked"));
}

static void a_secret_of_lines_is_masked_line_by_line(void **state)
{
	(void)state;
	log_mask("{\n  \"the-first\",\r\n  the-second\n}\n");
	redacted("of it: the-second is", "of it: *** is");
	redacted("of it: \"the-first\", is", "of it: *** is");
	redacted("as JSON: \\\"the-first\\\", is", "as JSON: *** is");
	redacted("{\n}\n", "{\n}\n");
}

static void a_worker_stands_on_every_later_line(void **state)
{
	log_start("test", LOG_INFO, false);
	log_set_worker("w1");
	log_info("one", ABOUT(.step = "a"), NULL);
	log_set_worker("");
	log_info("two", NULL, NULL);
	assert_non_null(strstr(flushed(*state), "one  step=a worker=w1\n"));
	assert_non_null(strstr(written(*state), "two\n"));
}

static void many_lines_arrive_in_order(void **state)
{
	char name[32];

	log_start("test", LOG_INFO, false);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "line %d", i);
		log_info(name, NULL, NULL);
	}
	assert_true(strstr(flushed(*state), "line 7\n") <
		    strstr(written(*state), "line 199\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, divert, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_says_what_happened_and_to_what),
		TEST(a_line_may_be_about_nothing),
		TEST(lines_wait_until_they_are_flushed),
		TEST(what_is_not_important_enough_is_left_out),
		TEST(a_line_can_not_be_forged),
		TEST(json_holds_the_same),
		TEST(secrets_are_masked_even_where_json_escapes_them),
		TEST(a_secret_at_the_end_of_a_long_text_is_masked),
		TEST(other_texts_can_be_redacted),
		TEST(what_a_cut_leaves_of_a_secret_is_redacted),
		TEST(short_secrets_leave_ordinary_words_alone),
		TEST(a_secret_of_lines_is_masked_line_by_line),
		TEST(a_worker_stands_on_every_later_line),
		TEST(many_lines_arrive_in_order),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
