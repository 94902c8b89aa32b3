/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HTTP_H
#define TREADLE_HTTP_H

#include <uv.h>

#include "treadle/address.h"
#include "treadle/text.h"

/*
 * The HTTP client: thousands of requests at once on one loop.
 *
 * Connections are kept and used again; HTTP/2 is spoken where TLS has
 * negotiated it. Only http and https; no proxy, cookie, .netrc or other
 * setting of the environment; certificates are always checked. A redirect is
 * followed for GET and HEAD within the same origin (scheme, host, port) and
 * not elsewhere, for what else would become of the header that holds a key?
 *
 * All that comes from the other side is bounded: the body by its size after
 * decompression, the headers by number and size.
 */
struct http;

struct http_options {
	struct address_ranges deny;
	int connections_max; /* kept for the next request */
};

/* Copies options. NULL with an error where libcurl can't be loaded. */
struct http *http_new(uv_loop_t *loop, const struct http_options *options,
		      struct error *err);

/* What is in progress ends as cancelled. Frees h. */
void http_stop(struct http *h, void (*on_stopped)(void *arg), void *arg);

/* What shall become of the body, asked when the status is known. */
enum http_use {
	HTTP_KEEP,   /* comes with the end, if it is not larger than body_max */
	HTTP_BRIEF,  /* only its beginning is of interest, for a message */
	HTTP_STREAM, /* goes to on_body as it comes */
};

enum http_flow {
	HTTP_GO,
	HTTP_PAUSE, /* not taken; comes again after http_resume() */
	HTTP_STOP,  /* ends with HTTP_STOPPED */
};

enum http_result {
	HTTP_ANSWERED,
	HTTP_CANCELLED,
	HTTP_STOPPED,
	HTTP_UNREACHABLE, /* no address, no connection, or it broke */
	HTTP_LATE,        /* it did not connect in time */
	HTTP_TOO_LARGE,
	HTTP_DENIED,    /* the operator does not allow the address */
	HTTP_MALFORMED, /* the URL, or what the other side says */
	HTTP_UNTRUSTED, /* its certificate */
};

struct http_response {
	enum http_result result;
	const char *reason;     /* where it is not ANSWERED */
	int status;             /* 0: none came */
	struct slice head;      /* "Name: value\r\n"... of the last answer */
	struct slice body;      /* decompressed; the beginning where BRIEF */
	int64_t retry_after_ms; /* or -1 */
	const char *location;   /* of a redirect not followed, or NULL */
};

/* By AWS Signature Version 4, over all headers that are given. */
struct http_signature {
	const char *scope; /* "aws:amz:us-east-1:s3" */
	const char *user, *secret;
};

/* Borrowed, with all that it points to, until on_end has returned. */
struct http_request {
	const char *url;
	const char *method;
	const char *const *headers; /* "Name: value" lines, NULL at the end */
	bool has_body;
	struct slice body;
	size_t body_max;  /* of the answer; for STREAM too */
	bool is_unpacked; /* gzip may be used on the way */
	const struct http_signature *signature; /* NULL: it is not signed */
	enum http_use (*on_head)(void *arg, int status);
	enum http_flow (*on_body)(void *arg, struct slice bytes);
	/* Exactly once, from the loop; the call is gone when it returns. */
	void (*on_end)(void *arg, const struct http_response *response);
	void *arg;
};

struct http_call;
struct http_call *http_start(struct http *h, const struct http_request *r);
void http_resume(struct http_call *c); /* from outside of on_body */
void http_cancel(struct http_call *c); /* idempotent; on_end comes later */

/* "api.example.com:8080" of a URL, without what could be secret. */
struct slice http_host(const char *url);

#endif
