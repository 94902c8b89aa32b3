/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HTTP_MULTI_H
#define TREADLE_HTTP_MULTI_H

#include <uv.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "treadle/base.h"

/*
 * libcurl, loaded late, on our loop.
 *
 * Being linked to libcurl costs a process 5.8 MB of memory and 5.6 ms of its
 * start, most of it for TLS and its relatives, before a single call is made:
 * nearly all that an idle worker may have. So it is loaded when the first
 * http step comes, and its functions are reached by this table.
 */
#define CURL_FUNCTIONS(X)                                                      \
	X(global_init)                                                         \
	X(easy_init)                                                           \
	X(easy_reset)                                                          \
	X(easy_cleanup)                                                        \
	X(easy_setopt)                                                         \
	X(easy_getinfo)                                                        \
	X(easy_pause)                                                          \
	X(easy_strerror)                                                       \
	X(slist_append)                                                        \
	X(slist_free_all)                                                      \
	X(multi_init)                                                          \
	X(multi_cleanup)                                                       \
	X(multi_setopt)                                                        \
	X(multi_add_handle)                                                    \
	X(multi_remove_handle)                                                 \
	X(multi_socket_action)                                                 \
	X(multi_info_read)                                                     \
	X(url)                                                                 \
	X(url_set)                                                             \
	X(url_get)                                                             \
	X(url_cleanup)                                                         \
	X(free)

struct curl_api {
#define X(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
};

/* Transfers in progress. on_done comes from the loop, never from inside. */
struct http_multi {
	struct curl_api api;
	CURLM *handle;
	uv_loop_t *loop;
	uv_timer_t timer;
	struct http_socket **sockets; /* by descriptor */
	int sockets_size;
	int closing; /* handles that have not closed yet */
	void (*on_done)(void *arg, CURL *easy, CURLcode result);
	void (*on_stopped)(void *arg);
	void *arg, *stopped_arg;
};

/* Fails where there is no usable libcurl. The caller sets on_done and arg. */
int http_multi_start(struct http_multi *m, uv_loop_t *loop, int connections_max,
		     struct error *err);
/* No easy handle may be left. m may go when on_stopped comes. */
void http_multi_stop(struct http_multi *m, void (*on_stopped)(void *arg),
		     void *arg);

/* CURLOPT_OPENSOCKET and CURLOPT_CLOSESOCKET, without and with data m. */
curl_socket_t http_socket_open(struct http_multi *m,
			       const struct curl_sockaddr *address);
int http_socket_close(void *multi, curl_socket_t fd);

/* Scheme, host and port are the same, default ports counted. */
bool http_same_origin(const struct curl_api *api, const char *a, const char *b);

#endif
