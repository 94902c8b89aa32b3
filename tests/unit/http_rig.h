/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_RIG_H
#define TREADLE_TEST_HTTP_RIG_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../worker/http.h"

/*
 * The client on a loop of its own, and the test server (helpers/http_server)
 * as a child of the test.
 */
struct server {
	pid_t pid;
	int port;
	FILE *said;
};

struct call {
	struct http_request request;
	struct http_call *call;
	char url[512];
	const char *headers[4];
	int ends, accepts; /* the status that is a success; 0: 200 to 299 */
	enum http_use use; /* of the body of a success */
	enum http_result result;
	int status;
	int64_t retry_after_ms;
	char *head, *body, *reason,
		*location; /* copies; location may be NULL */
	size_t body_len;
};

static uv_loop_t loop;
static struct http *http;
static struct server server, other;

/* $TREADLE_BUILD, or where this test itself lies. */
static inline void server_start(struct server *s)
{
	const char *build = getenv("TREADLE_BUILD");
	char self[4096] = "", *path;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int ends[2];

	must(len > 0 && pipe(ends) == 0);
	*strrchr(self, '/') = '\0';
	path = build ? xasprintf("%s/helpers/http_server", build)
		     : xasprintf("%s/../helpers/http_server", self);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	free(path);
	close(ends[1]);
	s->said = fdopen(ends[0], "r");
	must(s->said && fscanf(s->said, "%d", &s->port) == 1);
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

static inline enum http_use on_call_head(void *arg, int status)
{
	struct call *c = arg;
	bool is_ok = c->accepts ? status == c->accepts
				: status >= 200 && status <= 299;

	return is_ok ? c->use : HTTP_BRIEF;
}

static inline void on_call_end(void *arg, const struct http_response *r)
{
	struct call *c = arg;

	uv_stop(&loop); /* or it would wait for what else might happen */
	c->ends++;
	c->call = NULL;
	c->result = r->result;
	c->status = r->status;
	c->retry_after_ms = r->retry_after_ms;
	c->reason = xstrdup(r->reason);
	c->head = xmemdup(r->head.data, r->head.len);
	c->body = xmemdup(r->body.data, r->body.len);
	c->body_len = r->body.len;
	c->location = r->location ? xstrdup(r->location) : NULL;
}

static inline void call_init(struct call *c, const char *path)
{
	*c = (struct call){.use = HTTP_KEEP};
	if (strncmp(path, "http", 4) == 0)
		snprintf(c->url, sizeof(c->url), "%s", path);
	else
		snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%d%s",
			 server.port, path);
	c->request = (struct http_request){.url = c->url,
					   .method = "GET",
					   .headers = c->headers,
					   .body = SLICE(""),
					   .body_max = 1 << 20,
					   .is_unpacked = true,
					   .on_head = on_call_head,
					   .on_end = on_call_end,
					   .arg = c};
}

static inline void call_begin(struct call *c)
{
	c->call = http_start(http, &c->request);
	must(!c->ends);
}

static inline void call_wait(struct call *c)
{
	while (!c->ends)
		uv_run(&loop, UV_RUN_DEFAULT);
	must(c->ends == 1);
}

static inline void call_clear(struct call *c)
{
	free(c->head);
	free(c->body);
	free(c->reason);
	free(c->location);
}

static inline void http_begin(const char *deny)
{
	struct http_options options = {.connections_max = 64};
	struct text_list list = {(char **)&deny, deny ? 1 : 0};
	struct error err;

	must(uv_loop_init(&loop) == 0);
	must(address_ranges_read(&list, &options.deny, &err) == 0);
	http = http_new(&loop, &options, &err);
	must(http);
}

static inline void on_http_stopped(void *arg)
{
	*(bool *)arg = true;
}

static inline void http_finish(void)
{
	bool is_stopped = false;

	http_stop(http, on_http_stopped, &is_stopped);
	must(!is_stopped);
	while (!is_stopped) /* the end of a call stops the loop */
		uv_run(&loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&loop) == 0);
}

#endif
