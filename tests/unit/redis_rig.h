/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_REDIS_RIG_H
#define TREADLE_TEST_REDIS_RIG_H

#include "loop_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "treadle/clock.h"
#include "treadle/log.h"

/*
 * A Redis of our own, on a unix socket in a folder of its own.
 */
static inline bool server_answers(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char reply[8] = "";
	bool is_up;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->socket);
	is_up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	is_up = is_up && write(fd, "PING\r\n", 6) == 6;
	is_up = is_up && read(fd, reply, sizeof(reply)) > 0;
	close(fd);
	return is_up;
}

/* extra: more arguments, separated by blanks; "" for none. */
static inline void server_start(struct rig *rig, const char *extra)
{
	int64_t limit = clock_monotonic_ms() + PATIENCE_MS;
	char command[512];

	snprintf(command, sizeof(command),
		 "exec ${REDIS_SERVER:-redis-server} --port 0 --unixsocket %s "
		 "--save '' "
		 "--dir %s --loglevel warning --logfile %s/log %s",
		 rig->socket, rig->folder, rig->folder, extra);
	fflush(NULL);
	rig->server = fork();
	if (rig->server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_true(rig->server > 0);
	while (!server_answers(rig)) {
		assert_true(clock_monotonic_ms() < limit);
		poll(NULL, 0, 5);
	}
}

static inline void server_kill(struct rig *rig)
{
	if (!rig->server)
		return;
	kill(rig->server, SIGKILL);
	waitpid(rig->server, NULL, 0);
	rig->server = 0;
}

/* --- set up and tear down ------------------------------------------------ */

static inline int rig_setup(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	signal(SIGPIPE, SIG_IGN);
	log_start("test", LOG_ERROR, false);
	snprintf(rig->folder, sizeof(rig->folder), "/tmp/treadle-test-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->socket, sizeof(rig->socket), "%s/s", rig->folder);
	snprintf(rig->url, sizeof(rig->url), "unix://%s", rig->socket);
	assert_int_equal(uv_loop_init(&rig->loop), 0);
	assert_int_equal(uv_timer_init(&rig->loop, &rig->limit), 0);
	*state = rig;
	return 0;
}

static inline int rig_setup_server(void **state)
{
	rig_setup(state);
	server_start(*state, "");
	return 0;
}

/* There are only files in it. */
static inline int remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *file;

	assert_non_null(folder);
	while ((file = readdir(folder)))
		if (*file->d_name != '.')
			unlinkat(dirfd(folder), file->d_name, 0);
	closedir(folder);
	return rmdir(path);
}

/* Whoever forgot to close a handle is found here. */
static inline int rig_teardown(void **state)
{
	int64_t limit = clock_monotonic_ms() + 1000;
	struct rig *rig = *state;
	int left;

	uv_close((uv_handle_t *)&rig->limit, NULL);
	while (uv_run(&rig->loop, UV_RUN_NOWAIT) &&
	       clock_monotonic_ms() < limit)
		poll(NULL, 0, 1);
	left = uv_loop_close(&rig->loop);
	server_kill(rig);
	left |= remove_folder(rig->folder);
	free(rig);
	return left;
}

#define ALONE(test)                                                            \
	cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
#define WITH_SERVER(test)                                                      \
	cmocka_unit_test_setup_teardown(test, rig_setup_server, rig_teardown)

#endif
