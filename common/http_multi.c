/* SPDX-License-Identifier: MIT */
#include "http_multi.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/http.h"

/* How long a peer may leave what we sent unanswered by its kernel. */
#define SILENCE_MAX_MS 30000

/*
 * A descriptor that libcurl cares about. Each change of what is polled costs
 * two system calls, and libcurl changes its mind twice for every request on a
 * connection it keeps. So what it does not want any more goes on being polled
 * until it really happens.
 */
struct http_socket {
	uv_poll_t poll;
	struct http_multi *multi;
	int fd;
	int wanted, polled; /* UV_READABLE and UV_WRITABLE */
	bool is_ours;       /* made by http_socket_open() */
};

/* Loading */

static int load(struct curl_api *api, struct error *err)
{
	void *library;

	errno = 0;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library && (errno == ENOMEM || errno == EMFILE || errno == ENFILE))
		return error_set(err, ERR_UNAVAILABLE,
				 "cannot load libcurl for now: %s", dlerror());
	if (!library)
		return error_set(err, ERR_SYSTEM,
				 "cannot load libcurl, which http steps need: "
				 "%s; install libcurl4",
				 dlerror());
		/* A pointer to a function goes through void * only by its
		 * bytes. */
#define X(name)                                                                \
	do {                                                                   \
		void *symbol = dlsym(library, "curl_" #name);                  \
                                                                               \
		if (!symbol)                                                   \
			return error_set(err, ERR_SYSTEM,                      \
					 "libcurl is too old: it has no "      \
					 "curl_" #name);                       \
		memcpy(&api->name, &symbol, sizeof(symbol));                   \
	} while (0);
	CURL_FUNCTIONS(X)
#undef X
	if (api->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERR_UNAVAILABLE,
				 "libcurl does not start");
	return 0;
}

/* Transfers */

static void tell_ends(struct http_multi *m)
{
	CURLMsg *message;
	int left;

	while ((message = m->api.multi_info_read(m->handle, &left)))
		if (message->msg == CURLMSG_DONE)
			m->on_done(m->arg, message->easy_handle,
				   message->data.result);
}

static void on_timer(uv_timer_t *timer)
{
	struct http_multi *m = timer->data;
	int running;

	m->api.multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_ends(m);
}

static int on_timer_wish(CURLM *handle, long timeout_ms, void *arg)
{
	struct http_multi *m = arg;

	(void)handle;
	if (timeout_ms < 0)
		uv_timer_stop(&m->timer);
	else
		uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

/* Descriptors */

static void on_polled(uv_poll_t *poll, int status, int events);

static void poll_wanted(struct http_socket *s)
{
	s->polled = s->wanted;
	if (s->wanted)
		uv_poll_start(&s->poll, s->wanted, on_polled);
	else
		uv_poll_stop(&s->poll);
}

static void on_polled(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = poll->data;
	struct http_multi *m = s->multi;
	int running, what = 0;

	if (status < 0) {
		s->polled = 0; /* libuv has stopped */
		what = s->wanted ? CURL_CSELECT_ERR : 0;
	} else if (events & ~s->wanted) {
		poll_wanted(s);
	}
	if (events & s->wanted & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & s->wanted & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	if (!what)
		return;
	/* From here on s may be gone. */
	m->api.multi_socket_action(m->handle, s->fd, what, &running);
	tell_ends(m);
}

static void count_closed(struct http_multi *m)
{
	if (--m->closing)
		return;
	free(m->sockets);
	m->on_stopped(m->stopped_arg);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct http_socket *s = handle->data;
	struct http_multi *m = s->multi;

	free(s);
	count_closed(m);
}

static struct http_socket *socket_find(const struct http_multi *m, int fd)
{
	return fd < m->sockets_size ? m->sockets[fd] : NULL;
}

/* uv_close() takes it out of the poll at once, so fd may be closed next. */
static void socket_remove(struct http_multi *m, int fd)
{
	struct http_socket *s = socket_find(m, fd);

	if (!s)
		return;
	m->sockets[fd] = NULL;
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static struct http_socket *socket_add(struct http_multi *m, int fd)
{
	struct http_socket *s = xcalloc(1, sizeof(*s));
	int size = m->sockets_size ? m->sockets_size : 64;

	socket_remove(m, fd); /* one that was closed without a word */
	while (size <= fd)
		size *= 2;
	if (size > m->sockets_size) {
		m->sockets = xrealloc(m->sockets,
				      (size_t)size * sizeof(*m->sockets));
		memset(m->sockets + m->sockets_size, 0,
		       (size_t)(size - m->sockets_size) * sizeof(*m->sockets));
		m->sockets_size = size;
	}
	s->multi = m;
	s->fd = fd;
	must_afford(uv_poll_init(m->loop, &s->poll, fd) == 0);
	s->poll.data = s;
	m->sockets[fd] = s;
	m->closing++;
	return s;
}

/*
 * Whether it is open, and was connected at least. While it was not, libcurl
 * (7.88) closes it without a word to http_socket_close(), and its number may
 * soon be another descriptor's.
 */
static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg,
			  void *socket_arg)
{
	struct http_multi *m = arg;
	struct http_socket *s = socket_find(m, fd);

	(void)easy;
	(void)socket_arg;
	if (what == CURL_POLL_REMOVE) {
		/* Others, as of its resolver, it closes without telling. */
		if (s && (!s->is_ours || !is_connected(fd)))
			socket_remove(m, fd);
		else if (s)
			s->wanted = 0;
		return 0;
	}
	if (!s)
		s = socket_add(m, fd);
	s->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) |
		    (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	if (s->wanted & ~s->polled)
		poll_wanted(s);
	return 0;
}

curl_socket_t http_socket_open(struct http_multi *m,
			       const struct curl_sockaddr *address)
{
	unsigned silence = SILENCE_MAX_MS;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
			address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence,
		   sizeof(silence));
	socket_add(m, fd)->is_ours = true;
	return fd;
}

int http_socket_close(void *multi, curl_socket_t fd)
{
	socket_remove(multi, fd);
	return close(fd);
}

/* URLs */

struct slice http_host(const char *url)
{
	const char *start = strstr(url, "://");
	struct slice host;

	start = start ? start + 3 : url;
	host = (struct slice){start, strcspn(start, "/?#")};
	for (const char *at; (at = memchr(host.data, '@', host.len));) {
		host.len -= (size_t)(at + 1 - host.data);
		host.data = at + 1;
	}
	return host;
}

bool http_same_origin(const struct curl_api *api, const char *a, const char *b)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST,
					  CURLUPART_PORT};
	CURLU *x = api->url(), *y = api->url();
	bool is_same = api->url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
		       api->url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK;

	for (size_t i = 0; i < countof(parts) && is_same; i++) {
		char *p = NULL, *q = NULL;

		is_same = api->url_get(x, parts[i], &p, CURLU_DEFAULT_PORT) ==
				  CURLUE_OK &&
			  api->url_get(y, parts[i], &q, CURLU_DEFAULT_PORT) ==
				  CURLUE_OK &&
			  strcasecmp(p, q) == 0;
		api->free(p);
		api->free(q);
	}
	api->url_cleanup(x);
	api->url_cleanup(y);
	return is_same;
}

/* Beginning and end */

int http_multi_start(struct http_multi *m, uv_loop_t *loop, int connections_max,
		     struct error *err)
{
	const struct curl_api *api = &m->api;

	if (load(&m->api, err) < 0)
		return -1;
	m->handle = api->multi_init();
	must_afford(m->handle);
	must(api->multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION,
			       on_socket_wish) == CURLM_OK);
	must(api->multi_setopt(m->handle, CURLMOPT_SOCKETDATA, m) == CURLM_OK);
	must(api->multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION,
			       on_timer_wish) == CURLM_OK);
	must(api->multi_setopt(m->handle, CURLMOPT_TIMERDATA, m) == CURLM_OK);
	must(api->multi_setopt(m->handle, CURLMOPT_MAXCONNECTS,
			       (long)connections_max) == CURLM_OK);
	m->loop = loop;
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	m->closing = 1;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	count_closed(handle->data);
}

void http_multi_stop(struct http_multi *m, void (*on_stopped)(void *arg),
		     void *arg)
{
	m->on_stopped = on_stopped;
	m->stopped_arg = arg;
	/* Closes the connections that are kept, by http_socket_close(). */
	m->api.multi_cleanup(m->handle);
	for (int fd = 0; fd < m->sockets_size; fd++)
		socket_remove(m, fd);
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}
