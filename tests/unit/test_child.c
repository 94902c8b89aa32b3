/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../worker/child.h"
#include "../../worker/tools.h"

#define PATH "/usr/local/bin:/usr/bin:/bin"

/* A child, and what came of it. */
struct run {
	struct child *child;
	struct buf said[CHILD_PIPES];
	struct child_end end;
	int ends;
	int kill_on_output; /* a signal, sent when it says something */
};

static uv_loop_t loop;
static struct children *children;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	children = children_new(&loop, 1024);
	return 0;
}

static void on_stopped(void *arg)
{
	*(bool *)arg = true;
}

static int tear_down(void **state)
{
	bool is_stopped = false;

	(void)state;
	children_stop(children, on_stopped, &is_stopped);
	assert_false(is_stopped);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(is_stopped);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void on_bytes(void *arg, enum child_pipe from, struct slice bytes)
{
	struct run *r = arg;

	buf_add(&r->said[from], bytes.data, bytes.len);
	if (from == CHILD_OUTPUT && r->kill_on_output)
		child_signal(r->child, r->kill_on_output);
}

static void on_end(void *arg, const struct child_end *end)
{
	struct run *r = arg;

	r->end = *end;
	r->ends++;
	r->child = NULL;
}

static const char *const plain_env[] = {"PATH=" PATH, "COLOUR=green", NULL};

static struct child_plan plan_of(struct run *r, const char *const *argv)
{
	for (int i = 0; i < CHILD_PIPES; i++)
		buf_init(&r->said[i], 1 << 20);
	return (struct child_plan){.argv = argv,
				   .env = plain_env,
				   .path = PATH,
				   .input = SLICE(""),
				   .on_bytes = on_bytes,
				   .on_end = on_end,
				   .arg = r};
}

static void begin(struct run *r, const struct child_plan *plan)
{
	struct error err;

	r->child = child_start(children, plan, &err);
	if (!r->child)
		fail_msg("%s", err.text);
}

static void wait_for(struct run *r)
{
	while (!r->ends)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(r->ends, 1);
}

static void clear(struct run *r)
{
	for (int i = 0; i < CHILD_PIPES; i++)
		buf_clear(&r->said[i]);
}

/* Runs a line of shell to its end. */
static void run_shell(struct run *r, const char *line)
{
	const char *argv[] = {"sh", "-c", line, NULL};
	struct child_plan plan = plan_of(r, argv);

	begin(r, &plan);
	wait_for(r);
}

static void refused(const char *program, const char *folder,
		    const char *complaint)
{
	const char *argv[] = {program, NULL};
	struct run r = {0};
	struct child_plan plan = plan_of(&r, argv);
	struct error err;

	plan.directory = folder;
	assert_null(child_start(children, &plan, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	if (!strstr(err.text, complaint))
		fail_msg("%s", err.text);
	assert_int_equal(r.ends, 0);
}

static void what_it_says_comes_apart(void **state)
{
	struct run r = {0};

	(void)state;
	run_shell(&r, "echo out; echo log >&2; echo note >&3");
	assert_string_equal(r.said[CHILD_OUTPUT].data, "out\n");
	assert_string_equal(r.said[CHILD_LOG].data, "log\n");
	assert_string_equal(r.said[CHILD_NOTES].data, "note\n");
	assert_int_equal(r.end.status, 0);
	assert_int_equal(r.end.signal, 0);
	assert_false(r.end.was_held);
	clear(&r);
}

static void input_is_read_to_its_end(void **state)
{
	static char input[300000];
	const char *argv[] = {"cat", NULL};
	struct run r = {0};
	struct child_plan plan = plan_of(&r, argv);

	(void)state;
	memset(input, 'i', sizeof(input));
	plan.input = (struct slice){input, sizeof(input)};
	begin(&r, &plan);
	wait_for(&r);
	assert_true(slice_equal(buf_slice(&r.said[CHILD_OUTPUT]), plan.input));
	clear(&r);
	r = (struct run){0};
	run_shell(&r, "cat");
	assert_int_equal(r.said[CHILD_OUTPUT].len, 0);
	clear(&r);
}

static void its_end_is_told(void **state)
{
	struct run r = {0};

	(void)state;
	run_shell(&r, "exit 75");
	assert_int_equal(r.end.status, 75);
	clear(&r);
	r = (struct run){0};
	run_shell(&r, "kill -SEGV $$");
	assert_int_equal(r.end.status, -1);
	assert_int_equal(r.end.signal, SIGSEGV);
	clear(&r);
}

static void what_cannot_run_is_refused(void **state)
{
	char file[] = "/tmp/treadle-test-XXXXXX";
	int fd = mkstemp(file);

	(void)state;
	assert_int_equal(write(fd, "echo hi\n", 8), 8);
	close(fd);
	refused("no-such-program", NULL, "not found in PATH (" PATH ")");
	refused("/no/such/program", NULL, "No such file");
	refused("", NULL, "cannot run \"\"");
	refused("true", "/no/such/folder",
		"cannot enter folder /no/such/folder: No such file");
	refused("/tmp", NULL, "Permission denied");
	refused(file, NULL, "Permission denied");
	/* A shell would have run it. */
	chmod(file, 0700);
	refused(file, NULL, "a script needs a first line such as #!/bin/sh");
	unlink(file);
}

static void says(const struct run *r, const char *text)
{
	const char *said = r->said[CHILD_OUTPUT].data;

	if (!strstr(said, text))
		fail_msg("\"%s\" is not in: %s", text, said);
}

/*
 * Signals 32 and 33, which libc lets nobody set: whoever was started with
 * posix_spawn(), by make for one, has them ignored, to no harm.
 */
#define OF_LIBC (3ULL << 31)

static void nothing_of_ours_is_inherited(void **state)
{
	const char *ignored;
	struct run r = {0};
	int leak = dup(STDERR_FILENO); /* without close-on-exec */

	(void)state;
	setenv("SECRET", "abc", 1);
	signal(SIGPIPE, SIG_IGN);
	run_shell(&r, "env | sort; cd /proc/self/fd; echo *; "
		      "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; "
		      "ulimit -c; ulimit -n");
	unsetenv("SECRET");
	close(leak);
	/* sh adds PWD and more; the glob itself opens the folder. */
	says(&r, "COLOUR=green\n");
	assert_null(strstr(r.said[CHILD_OUTPUT].data, "SECRET"));
	says(&r, "\n0 1 2 3 4\n");
	says(&r, "SigBlk:\t0000000000000000\n");
	ignored = strstr(r.said[CHILD_OUTPUT].data, "SigIgn:\t");
	assert_non_null(ignored);
	assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~OF_LIBC, 0);
	says(&r, "\n0\n1024\n");
	clear(&r);
}

static void it_runs_where_it_is_told(void **state)
{
	const char *argv[] = {"pwd", NULL};
	struct run r = {0};
	struct child_plan plan = plan_of(&r, argv);

	(void)state;
	plan.directory = "bin";
	plan.directory_in = "/usr";
	begin(&r, &plan);
	wait_for(&r);
	assert_string_equal(r.said[CHILD_OUTPUT].data, "/usr/bin\n");
	clear(&r);
}

static void a_signal_reaches_the_group(void **state)
{
	struct run r = {.kill_on_output = SIGTERM};

	(void)state;
	run_shell(&r, "sleep 1000 & echo x; sleep 1000");
	assert_int_equal(r.end.signal, SIGTERM);
	assert_false(r.end.was_held);
	clear(&r);
}

static void descendants_get_a_second(void **state)
{
	struct run r = {0};
	uint64_t begun = uv_hrtime();

	(void)state;
	run_shell(&r, "(sleep 0.2; echo late) & exit 3");
	assert_string_equal(r.said[CHILD_OUTPUT].data, "late\n");
	assert_false(r.end.was_held);
	clear(&r);
	r = (struct run){0};
	run_shell(&r, "trap '' TERM; sleep 1000 & exit 4");
	assert_int_equal(r.end.status, 4);
	assert_true(r.end.was_held);
	clear(&r);
	assert_true(uv_hrtime() - begun < 30ULL * 1000 * 1000 * 1000);
}

/*
 * Which the subreaper, this process, is given to reap, when its parent has
 * ended; unless the loop has reaped it before us.
 */
static void expect_killed(pid_t pid)
{
	int status;
	pid_t got;

	alarm(60);
	while ((got = waitpid(pid, &status, 0)) < 0 && kill(pid, 0) == 0)
		uv_sleep(5);
	alarm(0);
	if (got == pid)
		assert_true(WIFSIGNALED(status));
	else
		assert_int_equal(errno, ESRCH);
}

static void nothing_is_left_behind(void **state)
{
	struct run r = {0};
	pid_t left;

	(void)state;
	run_shell(&r, "sleep 1000 >&- 2>&- 3>&- & echo $!");
	assert_int_equal(r.end.status, 0);
	left = (pid_t)strtol(r.said[CHILD_OUTPUT].data, NULL, 10);
	assert_true(left > 1);
	expect_killed(left);
	clear(&r);
}

static void many_at_once(void **state)
{
	static struct run runs[100];
	const char *argv[] = {"sh", "-c", "echo $$; exit 7", NULL};

	(void)state;
	for (size_t i = 0; i < countof(runs); i++) {
		struct child_plan plan;

		runs[i] = (struct run){0};
		plan = plan_of(&runs[i], argv);
		begin(&runs[i], &plan);
	}
	for (size_t i = 0; i < countof(runs); i++) {
		wait_for(&runs[i]);
		assert_int_equal(runs[i].end.status, 7);
		assert_true(runs[i].said[CHILD_OUTPUT].len > 1);
		clear(&runs[i]);
	}
}

/* Its second half is in tear_down. */
static void those_in_progress_are_ended(void **state)
{
	static struct run r;
	const char *argv[] = {"sleep", "1000", NULL};
	struct child_plan plan = plan_of(&r, argv);

	(void)state;
	begin(&r, &plan);
}

/* A file in memory can't be made larger than this; shared memory is one. */
static void limit_files(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	must(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = size;
	must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The child, and the warden where there is one. */
static int count_children(void)
{
	char path[64], line[256] = "", *rest = line;
	int count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	must(f);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	while (strtol(rest, &rest, 10) > 1)
		count++;
	return count;
}

/* A worker, which will be killed; says the id of its child's child. */
static _Noreturn void be_worker(int out, bool is_refused)
{
	const char *argv[] = {"sh", "-c", "sleep 1000 & echo $!; wait", NULL};
	struct run r = {0};
	struct child_plan plan;
	ssize_t done;

	uv_loop_init(&loop);
	if (is_refused)
		limit_files(0);
	children = children_new(&loop, 0);
	plan = plan_of(&r, argv);
	begin(&r, &plan);
	if (is_refused) {
		must(count_children() == 1);
		limit_files(RLIM_INFINITY);
		while (count_children() < 2)
			uv_run(&loop, UV_RUN_ONCE);
	}
	while (!memchr(r.said[CHILD_OUTPUT].data, '\n',
		       r.said[CHILD_OUTPUT].len))
		uv_run(&loop, UV_RUN_ONCE);
	done = write(out, r.said[CHILD_OUTPUT].data, r.said[CHILD_OUTPUT].len);
	must(done > 0);
	for (;;)
		pause();
}

static void kill_worker(bool is_refused)
{
	char text[32] = "";
	int ends[2], status;
	pid_t worker;

	assert_int_equal(pipe(ends), 0);
	worker = fork();
	if (worker == 0)
		be_worker(ends[1], is_refused);
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	kill(worker, SIGKILL);
	assert_int_equal(waitpid(worker, &status, 0), worker);
	expect_killed((pid_t)strtol(text, NULL, 10));
}

static void a_killed_worker_leaves_nothing(void **state)
{
	(void)state;
	kill_worker(false);
}

static void nor_does_one_whose_warden_was_refused_at_first(void **state)
{
	(void)state;
	kill_worker(true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_says_comes_apart),
		TEST(input_is_read_to_its_end),
		TEST(its_end_is_told),
		TEST(what_cannot_run_is_refused),
		TEST(nothing_of_ours_is_inherited),
		TEST(it_runs_where_it_is_told),
		TEST(a_signal_reaches_the_group),
		TEST(descendants_get_a_second),
		TEST(nothing_is_left_behind),
		TEST(many_at_once),
		TEST(those_in_progress_are_ended),
		cmocka_unit_test(a_killed_worker_leaves_nothing),
		cmocka_unit_test(
			nor_does_one_whose_warden_was_refused_at_first),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
