/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "http_call.h"

/* What libcurl is told of a call. */

#define CONNECT_MAX_MS 30000L
#define BUFFER_SIZE 4096L /* a thousand requests have a thousand of them */
#define STREAM_BUFFER_SIZE (64L << 10)
#define UPLOAD_BUFFER_SIZE (16L << 10)

static curl_socket_t on_socket(void *arg, curlsocktype purpose,
			       struct curl_sockaddr *address)
{
	struct http_call *c = arg;
	curl_socket_t fd;

	(void)purpose;
	call_has_address(c);
	if (address_is_denied(&c->http->deny, &address->addr)) {
		address_format(&address->addr, c->denied);
		return CURL_SOCKET_BAD;
	}
	fd = http_socket_open(&c->http->multi, address);
	if (fd == CURL_SOCKET_BAD)
		c->socket_errno = errno;
	return fd;
}

/*
 * As well where a connection is used again, which needs no address. If one
 * that was used again breaks before an answer, libcurl would send the request
 * once more by itself, though it may have had its effect: that is for the next
 * attempt to do, which is counted.
 */
static int on_connection(void *arg, char *ip, char *local_ip, int port,
			 int local_port)
{
	struct http_call *c = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	call_has_address(c);
	if (c->is_sent && !http_is_safe(c->request->method)) {
		c->is_broken = true;
		return CURL_PREREQFUNC_ABORT;
	}
	c->is_sent = true;
	return CURL_PREREQFUNC_OK;
}

static void set_long(struct http_call *c, CURLoption option, long value)
{
	must(c->http->multi.api.easy_setopt(c->easy, option, value) ==
	     CURLE_OK);
}

static void set_text(struct http_call *c, CURLoption option, const char *value)
{
	must_afford(c->http->multi.api.easy_setopt(c->easy, option, value) ==
		    CURLE_OK);
}

static void set_callbacks(struct http_call *c)
{
	const struct curl_api *api = &c->http->multi.api;
	CURL *easy = c->easy;
	int bad = 0;

	bad |= api->easy_setopt(easy, CURLOPT_PRIVATE, c);
	bad |= api->easy_setopt(easy, CURLOPT_ERRORBUFFER, c->reason);
	bad |= api->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_http_header);
	bad |= api->easy_setopt(easy, CURLOPT_HEADERDATA, c);
	bad |= api->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_http_body);
	bad |= api->easy_setopt(easy, CURLOPT_WRITEDATA, c);
	bad |= api->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	bad |= api->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
	bad |= api->easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connection);
	bad |= api->easy_setopt(easy, CURLOPT_PREREQDATA, c);
	bad |= api->easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
				http_socket_close);
	bad |= api->easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &c->http->multi);
	must(!bad);
}

/*
 * Nothing of the environment may change where a request goes, and nothing of
 * a workflow what is trusted: each of these is set, defaults or not, and a
 * libcurl that does not know one of them is not used.
 */
static void set_safety(struct http_call *c)
{
	set_text(c, CURLOPT_PROTOCOLS_STR, "http,https");
	set_text(c, CURLOPT_PROXY, "");
	set_long(c, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	set_long(c, CURLOPT_FOLLOWLOCATION, 0);
	set_long(c, CURLOPT_SSL_VERIFYPEER, 1);
	set_long(c, CURLOPT_SSL_VERIFYHOST, 2);
	set_long(c, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_long(c, CURLOPT_NOSIGNAL, 1);
	set_long(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MAX_MS);
	set_long(c, CURLOPT_TCP_KEEPALIVE, 1);
}

static void set_body(struct http_call *c, struct slice body)
{
	set_long(c, CURLOPT_POST, 1);
	must(c->http->multi.api.easy_setopt(c->easy,
					    CURLOPT_POSTFIELDSIZE_LARGE,
					    (curl_off_t)body.len) == CURLE_OK);
	set_text(c, CURLOPT_POSTFIELDS, body.data);
}

static void set_method(struct http_call *c)
{
	const struct http_request *r = c->request;
	const char *method = r->method;

	if (strcmp(method, "HEAD") == 0) {
		set_long(c, CURLOPT_NOBODY, 1);
		return;
	}
	/* These are expected to tell a length, be it 0. */
	if (r->has_body || strcmp(method, "POST") == 0 ||
	    strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0)
		set_body(c, r->body);
	set_text(c, CURLOPT_CUSTOMREQUEST, method);
}

static void append_header(struct http_call *c, const char *line)
{
	c->headers = c->http->multi.api.slist_append(c->headers, line);
	must_afford(c->headers);
}

static void set_headers(struct http_call *c)
{
	const struct curl_api *api = &c->http->multi.api;
	const char *const *line = c->request->headers;

	/*
	 * libcurl's own wish to ask before it sends costs a round trip. But
	 * of a signed request 7.88 signs this line, which it does not send.
	 */
	if (!c->request->signature)
		append_header(c, "Expect:");
	for (; *line; line++)
		append_header(c, *line);
	must(api->easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) ==
	     CURLE_OK);
}

/* libcurl signs by the hash of a body that the headers name. */
static void set_signature(struct http_call *c, const struct http_signature *s)
{
	set_text(c, CURLOPT_AWS_SIGV4, s->scope);
	set_text(c, CURLOPT_USERNAME, s->user);
	set_text(c, CURLOPT_PASSWORD, s->secret);
}

void call_set_up(struct http_call *c)
{
	const struct http_request *r = c->request;

	set_callbacks(c);
	set_safety(c);
	set_text(c, CURLOPT_URL, c->url ? c->url : r->url);
	set_headers(c);
	set_method(c);
	set_long(c, CURLOPT_BUFFERSIZE,
		 r->on_body ? STREAM_BUFFER_SIZE : BUFFER_SIZE);
	set_long(c, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_SIZE);
	if (r->is_unpacked)
		set_text(c, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (r->signature)
		set_signature(c, r->signature);
}
