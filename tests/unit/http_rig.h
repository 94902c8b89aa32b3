/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_RIG_H
#define TREADLE_TEST_HTTP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/http.h"
#include "http_server.h"

/*
 * The client on a loop of its own, and what one asks of it and of its answers.
 */
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
	char *head, *body, *reason; /* copies */
	char *location;             /* copy, or NULL */
	size_t body_len;
};

static uv_loop_t loop;
static struct http *http;
static struct server server;

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

static inline int set_up(void **state)
{
	(void)state;
	http_begin(NULL);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	http_finish();
	return 0;
}

#endif
