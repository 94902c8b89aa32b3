/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/log.h"
#include "address.h"

#define CONNECTIONS_MAX 256
#define CONNECTIONS_MAX_EACH 64 /* for one address */
#define CONNECTION_MEMORY ((size_t)16 << 10)
#define IDLE_S 10

struct http {
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;
	http_request_fn *on_request;
	void *arg;
	size_t open_requests;
	int open_handles;
	char url[ADDRESS_URL_MAX];
};

struct http_request {
	struct http *http;
	struct MHD_Connection *connection;
	struct MHD_Response *response; /* once it is answered */
	int status;
	bool is_begun, is_suspended;
};

static void on_timer(uv_timer_t *timer);

/* --- answers ---------------------------------------------------------------
 */

static struct MHD_Response *response_new(const struct http_content *content)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		content->body.len, (void *)content->body.data,
		MHD_RESPMEM_MUST_COPY);
	static const char *const headers[][2] = {
		{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
		{"X-Content-Type-Options", "nosniff"},
	};

	must_afford(r);
	must_afford(MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
					    content->type));
	for (size_t i = 0; i < countof(headers); i++)
		must_afford(MHD_add_response_header(r, headers[i][0],
						    headers[i][1]));
	return r;
}

void http_answer(struct http_request *r, int status,
		 const struct http_content *content)
{
	must(!r->response);
	r->status = status;
	r->response = response_new(content);
	if (!r->is_suspended)
		return;
	/*
	 * The daemon will call on_access() again, which sends it. Having no
	 * thread, it does not wake itself for that.
	 */
	r->is_suspended = false;
	MHD_resume_connection(r->connection);
	uv_timer_start(&r->http->timer, on_timer, 0, 0);
}

static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
	static const struct http_content content = {
		"text/plain; charset=utf-8", SLICE("only GET and HEAD\n")};
	struct MHD_Response *response = response_new(&content);
	enum MHD_Result result;

	must_afford(MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					    "GET, HEAD"));
	result = MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				    response);
	MHD_destroy_response(response);
	return result;
}

/* --- requests --------------------------------------------------------------
 */

static void *begin(struct http *h, struct MHD_Connection *connection)
{
	struct http_request *r = xcalloc(1, sizeof(*r));

	r->http = h;
	r->connection = connection;
	h->open_requests++;
	return r;
}

/*
 * Called for each request at least twice: for its headers, when *state is
 * still NULL, and when it is complete; once more after it was resumed.
 */
static enum MHD_Result on_access(void *arg, struct MHD_Connection *connection,
				 const char *path, const char *method,
				 const char *version, const char *body,
				 size_t *body_size, void **state)
{
	struct http *h = arg;
	struct http_request *r = *state;

	(void)version;
	(void)body;
	if (!r) {
		if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
			return refuse_method(connection);
		*state = begin(h, connection);
		return MHD_YES;
	}
	if (*body_size) /* nobody sends one with GET: hang up */
		return MHD_NO;
	if (!r->is_begun) {
		r->is_begun = true;
		h->on_request(h->arg, r, path);
	}
	if (r->response)
		return MHD_queue_response(connection, (unsigned)r->status,
					  r->response);
	r->is_suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection,
			 void **state, enum MHD_RequestTerminationCode why)
{
	struct http *h = arg;
	struct http_request *r = *state;

	(void)connection;
	(void)why;
	if (!r)
		return;
	must(!r->is_suspended);
	if (r->response)
		MHD_destroy_response(r->response);
	free(r);
	*state = NULL;
	h->open_requests--;
}

/* --- the loop --------------------------------------------------------------
 */

/* Lets the daemon work, and asks when it wants to be woken at the latest. */
static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &timeout_ms) == MHD_YES)
		uv_timer_start(&h->timer, on_timer, timeout_ms, 0);
	else
		uv_timer_stop(&h->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

/* --- its life --------------------------------------------------------------
 */

static void on_panic(void *arg, const char *file, unsigned line,
		     const char *reason)
{
	(void)arg;
	must_fail(file, (int)line, reason ? reason : "libmicrohttpd");
}

__attribute__((format(printf, 2, 0))) static void on_message(void *arg,
							     const char *fmt,
							     va_list args)
{
	char text[256];

	(void)arg;
	if (!log_is_on(LOG_DEBUG))
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http", NULL, "%s", text);
}

static struct MHD_Daemon *daemon_start(struct http *h, int fd)
{
	/* The logger comes first, or MHD complains on standard error. */
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, on_access, h, MHD_OPTION_EXTERNAL_LOGGER,
		on_message, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX_EACH, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY, MHD_OPTION_END);
}

static void watch(struct http *h, uv_loop_t *loop)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	must(info);
	must_afford(!uv_poll_init(loop, &h->poll, info->epoll_fd));
	must(!uv_timer_init(loop, &h->timer));
	h->poll.data = h;
	h->timer.data = h;
	h->open_handles = 2;
	must(!uv_poll_start(&h->poll, UV_READABLE, on_readable));
}

int http_start(uv_loop_t *loop, const char *listen, http_request_fn *on_request,
	       void *arg, struct http **out, struct error *err)
{
	struct address address;
	struct http *h;
	int fd;

	if (address_parse(listen, &address, err))
		return -1;
	fd = address_listen(&address, err);
	if (fd < 0)
		return -1;
	MHD_set_panic_func(on_panic, NULL);
	h = xcalloc(1, sizeof(*h));
	h->on_request = on_request;
	h->arg = arg;
	address_url(fd, h->url);
	h->daemon = daemon_start(h, fd);
	if (!h->daemon) {
		close(fd);
		free(h);
		return error_set(err, ERR_SYSTEM,
				 "serving HTTP on %s: libmicrohttpd refused; "
				 "--log-level debug says why",
				 listen);
	}
	watch(h, loop);
	*out = h;
	return 0;
}

const char *http_url(const struct http *h)
{
	return h->url;
}

static void on_closed(uv_handle_t *handle)
{
	struct http *h = handle->data;

	if (--h->open_handles == 0)
		free(h);
}

void http_stop(struct http *h)
{
	MHD_run(h->daemon); /* sends the last answers */
	uv_poll_stop(&h->poll);
	uv_close((uv_handle_t *)&h->poll, on_closed);
	uv_close((uv_handle_t *)&h->timer, on_closed);
	MHD_stop_daemon(h->daemon);
	must(!h->open_requests);
}
