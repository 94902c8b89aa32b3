/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_SERVER_H
#define TREADLE_TEST_HTTP_SERVER_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "treadle/base.h"

/* A test server, as helpers/http_server is one, as a child of the test. */
struct server {
	pid_t pid;
	int port;
	FILE *said;
};

/*
 * The helper of that name, in $TREADLE_BUILD or beside this test. argv: NULL
 * at its end; its first is replaced.
 */
static inline void server_start_as(struct server *s, const char *name,
				   char **argv)
{
	const char *build = getenv("TREADLE_BUILD");
	char self[4096] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int ends[2];

	must(len > 0 && pipe(ends) == 0);
	*strrchr(self, '/') = '\0';
	argv[0] = build ? xasprintf("%s/helpers/%s", build, name)
			: xasprintf("%s/../helpers/%s", self, name);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	free(argv[0]);
	close(ends[1]);
	s->said = fdopen(ends[0], "r");
	must(s->said && fscanf(s->said, "%d", &s->port) == 1);
}

static inline void server_start(struct server *s)
{
	char *argv[] = {NULL, NULL};

	server_start_as(s, "http_server", argv);
}

/* Zero if it ended well. */
static inline int server_stop(struct server *s)
{
	int status = -1;

	kill(s->pid, SIGTERM);
	waitpid(s->pid, &status, 0);
	fclose(s->said);
	return status;
}

#endif
