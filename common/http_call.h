/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HTTP_CALL_H
#define TREADLE_HTTP_CALL_H

#include "treadle/http.h"
#include "http_gate.h"
#include "http_multi.h"

/*
 * The inside of a call, between http.c, which lives it, and http_setup.c,
 * which tells libcurl what is wanted. For nobody else.
 */
#define SPARE_MAX 256 /* handles kept for the next calls */

struct http {
	struct http_multi multi;
	struct address_ranges deny;
	CURL *spare[SPARE_MAX];
	int spare_count;
	struct http_call *calls;     /* in progress */
	struct http_call *cancelled; /* whose end is still to be told */
	struct http_gate gate;
	uv_idle_t telling; /* while somebody is to be told, or may go ahead */
	void (*on_stopped)(void *arg);
	void *arg;
};

struct http_call {
	struct http *http;
	struct http_call *next, *prev;
	const struct http_request *request;
	struct gate_pass pass;
	CURL *easy; /* NULL while it is not on the wire */
	struct curl_slist *headers;
	char *url; /* of a redirect; NULL: the request's */
	int redirects;
	bool is_whole; /* the transfer came to its own end */
	bool is_sent;  /* in this transfer */

	int status, head_lines;
	struct buf head, body;
	int64_t received; /* of the body */
	bool has_use;
	enum http_use use;

	/* Why one of our callbacks has ended the transfer. */
	bool is_cut; /* enough of a brief body */
	bool is_too_large, is_stopped, is_cancelled;
	bool is_broken; /* the connection, when the request had been sent */
	char denied[ADDRESS_TEXT_MAX];
	int socket_errno; /* why there was no socket, or 0 */
	char reason[CURL_ERROR_SIZE + 64];
};

/* Whether a request of this method changes nothing. */
bool http_is_safe(const char *method);

/* Its host has an address: others that wait for that may go. */
void call_has_address(struct http_call *c);

/* Sets every option of c->easy. */
void call_set_up(struct http_call *c);

/* What libcurl calls with the bytes that come; arg is the call. */
size_t on_http_header(char *bytes, size_t one, size_t len, void *arg);
size_t on_http_body(char *bytes, size_t one, size_t len, void *arg);

#endif
