/* SPDX-License-Identifier: MIT */
#include "treadle/http.h"

#include <stdlib.h>
#include <string.h>

#include "http_call.h"

#define HEAD_MAX (64 << 10)
#define HEAD_LINES_MAX 1000   /* in all, interim answers included */
#define BRIEF_KEPT 4096       /* of a body that is only for a message */
#define BRIEF_READ (64 << 10) /* to save the connection, not for its sake */
#define REDIRECTS_MAX 5
#define RETRY_AFTER_MAX_S (6 * 60 * 60) /* newer libcurls know no more */

/* What comes */

/* "HTTP/1.1 200 OK": another answer begins, maybe after interim ones. */
static void begin_head(struct http_call *c, struct slice line)
{
	int64_t status = 0;

	slice_cut(&line, ' ');
	line.len = line.len < 3 ? line.len : 3;
	if (slice_int(line, 100, 999, &status) < 0)
		status = 0; /* libcurl will not accept it either */
	c->status = (int)status;
	c->has_use = false;
	buf_reset(&c->head);
}

size_t on_http_header(char *bytes, size_t one, size_t len, void *arg)
{
	struct http_call *c = arg;
	struct slice line = {bytes, len * one};

	if (slice_starts(line, "HTTP/"))
		begin_head(c, line);
	else if (line.len > 2 && buf_add(&c->head, line.data, line.len) < 0)
		c->is_too_large = true;
	if (++c->head_lines > HEAD_LINES_MAX)
		c->is_too_large = true;
	return c->is_too_large ? 0 : line.len;
}

static enum http_use find_use(struct http_call *c)
{
	if (!c->has_use)
		c->use = c->request->on_head(c->request->arg, c->status);
	c->has_use = true;
	return c->use;
}

static size_t keep_brief(struct http_call *c, struct slice bytes)
{
	size_t room = BRIEF_KEPT - c->body.len;

	buf_add(&c->body, bytes.data, bytes.len < room ? bytes.len : room);
	c->is_cut = c->received > BRIEF_READ;
	return c->is_cut ? 0 : bytes.len;
}

static size_t keep_stream(struct http_call *c, struct slice bytes)
{
	switch (c->request->on_body(c->request->arg, bytes)) {
	case HTTP_GO:
		return bytes.len;
	case HTTP_PAUSE:
		c->received -= (int64_t)bytes.len;
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_STOP:
		break;
	}
	c->is_stopped = true;
	return 0;
}

/* Bytes as they are after decompression: it is these that are counted. */
size_t on_http_body(char *data, size_t one, size_t len, void *arg)
{
	struct http_call *c = arg;
	struct slice bytes = {data, len * one};
	enum http_use use = find_use(c);

	c->received += (int64_t)bytes.len;
	if (use == HTTP_BRIEF)
		return keep_brief(c, bytes);
	if (c->received > (int64_t)c->request->body_max) {
		c->is_too_large = true;
		return 0;
	}
	if (use == HTTP_STREAM)
		return keep_stream(c, bytes);
	buf_add(&c->body, bytes.data, bytes.len);
	return bytes.len;
}

static CURL *take_easy(struct http *h)
{
	CURL *easy;

	if (h->spare_count)
		return h->spare[--h->spare_count];
	easy = h->multi.api.easy_init();
	must_afford(easy);
	return easy;
}

/* A handle is used again, unless its transfer was broken off. */
static void give_easy(struct http *h, CURL *easy, bool is_whole)
{
	if (!is_whole || h->spare_count == SPARE_MAX) {
		h->multi.api.easy_cleanup(easy);
		return;
	}
	h->multi.api.easy_reset(easy);
	h->spare[h->spare_count++] = easy;
}

/* Off the wire: libcurl forgets this transfer, the call goes on. */
static void take_off(struct http_call *c)
{
	struct http *h = c->http;

	if (!c->easy)
		return;
	h->multi.api.multi_remove_handle(h->multi.handle, c->easy);
	give_easy(h, c->easy, c->is_whole);
	c->is_whole = false;
	h->multi.api.slist_free_all(c->headers);
	c->easy = NULL;
	c->headers = NULL;
}

static void put_on(struct http_call *c)
{
	struct http *h = c->http;

	c->easy = take_easy(h);
	c->is_sent = false;
	call_set_up(c);
	must_afford(h->multi.api.multi_add_handle(h->multi.handle, c->easy) ==
		    CURLM_OK);
}

static void on_telling(uv_idle_t *idle);

void call_has_address(struct http_call *c)
{
	struct http *h = c->http;

	/* libcurl is calling: nothing may be added to it before it is done. */
	if (gate_open(&c->pass, uv_now(h->multi.loop)))
		uv_idle_start(&h->telling, on_telling);
}

/* Nothing is to be done with libcurl any more. */
static void leave(struct http_call *c)
{
	struct http *h = c->http;

	take_off(c);
	if (gate_leave(&c->pass, uv_now(h->multi.loop)))
		uv_idle_start(&h->telling, on_telling);
	if (c->prev)
		c->prev->next = c->next;
	else
		h->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

/* Redirects */

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

bool http_is_safe(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/*
 * Gives where an answer redirects to, "" for nowhere. Only answers that are
 * no success of the step count.
 */
static char *find_location(struct http_call *c)
{
	char *location = NULL;

	if (is_redirect(c->status) && c->use == HTTP_BRIEF)
		c->http->multi.api.easy_getinfo(c->easy, CURLINFO_REDIRECT_URL,
						&location);
	return xstrdup(location ? location : "");
}

/* Owns location. True: the call is on its way again. */
static bool follow(struct http_call *c, char *location)
{
	const struct http_request *r = c->request;
	const char *url = c->url ? c->url : r->url;

	if (!http_is_safe(r->method) || c->redirects == REDIRECTS_MAX ||
	    !http_same_origin(&c->http->multi.api, url, location))
		return false;
	free(c->url);
	c->url = location;
	c->redirects++;
	c->received = 0;
	buf_reset(&c->body);
	take_off(c);
	put_on(c);
	return true;
}

/* The end */

/* Tells, and frees c. */
static void tell(struct http_call *c, struct http_response *r)
{
	r->status = c->status;
	r->reason = c->reason;
	r->head = buf_slice(&c->head);
	r->body = buf_slice(&c->body);
	c->request->on_end(c->request->arg, r);
	buf_clear(&c->head);
	buf_clear(&c->body);
	free(c->url);
	free(c);
}

static enum http_result explain(struct http_call *c, enum http_result result,
				const char *reason)
{
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	return result;
}

static enum http_result judge_error(struct http_call *c, CURLcode code)
{
	if (!c->reason[0])
		explain(c, HTTP_ANSWERED,
			c->http->multi.api.easy_strerror(code));
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_LATE;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return HTTP_MALFORMED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_UNTRUSTED;
	default:
		return HTTP_UNREACHABLE;
	}
}

static enum http_result judge(struct http_call *c, CURLcode code)
{
	char text[ADDRESS_TEXT_MAX + 80];

	if (code == CURLE_OK || c->is_cut)
		return HTTP_ANSWERED;
	if (c->is_broken)
		return explain(c, HTTP_UNREACHABLE,
			       "the connection broke before an answer came");
	if (c->is_stopped)
		return explain(c, HTTP_STOPPED, "it was stopped");
	if (c->is_too_large && c->has_use)
		return explain(c, HTTP_TOO_LARGE, "the body is too large");
	if (c->is_too_large)
		return explain(c, HTTP_TOO_LARGE, "the headers are too large");
	if (c->denied[0] && code == CURLE_COULDNT_CONNECT) {
		snprintf(text, sizeof(text),
			 "address %s is denied by worker.http_deny", c->denied);
		return explain(c, HTTP_DENIED, text);
	}
	if (c->socket_errno && code == CURLE_COULDNT_CONNECT) {
		snprintf(text, sizeof(text), "cannot open a socket: %s",
			 strerror(c->socket_errno));
		return explain(c, HTTP_UNREACHABLE, text);
	}
	return judge_error(c, code);
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
	struct http *h = arg;
	const struct curl_api *api = &h->multi.api;
	struct http_response r = {.retry_after_ms = -1};
	struct http_call *c = NULL;
	curl_off_t wait = 0;
	char *location;

	api->easy_getinfo(easy, CURLINFO_PRIVATE, &c);
	must(c && c->easy == easy);
	c->is_whole = code == CURLE_OK;
	r.result = judge(c, code);
	if (r.result == HTTP_ANSWERED)
		find_use(c);
	location = find_location(c);
	if (r.result == HTTP_ANSWERED && *location && follow(c, location))
		return;
	if (api->easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK &&
	    wait > 0)
		r.retry_after_ms = wait < RETRY_AFTER_MAX_S
					   ? wait * 1000
					   : RETRY_AFTER_MAX_S * 1000LL;
	r.location = *location ? location : NULL;
	leave(c);
	tell(c, &r);
	free(location);
}

/* Calls */

struct http_call *http_start(struct http *h, const struct http_request *r)
{
	struct http_call *c = xcalloc(1, sizeof(*c));

	must(!h->on_stopped);
	c->http = h;
	c->request = r;
	c->next = h->calls;
	if (c->next)
		c->next->prev = c;
	h->calls = c;
	buf_init(&c->head, HEAD_MAX);
	buf_init(&c->body, r->body_max > BRIEF_KEPT ? r->body_max : BRIEF_KEPT);
	if (gate_enter(&h->gate, &c->pass, c, http_host(r->url),
		       uv_now(h->multi.loop)))
		put_on(c);
	return c;
}

void http_resume(struct http_call *c)
{
	if (c->easy)
		c->http->multi.api.easy_pause(c->easy, CURLPAUSE_CONT);
}

static void on_telling(uv_idle_t *idle)
{
	struct http *h = idle->data;
	struct http_call *c;

	while ((c = h->cancelled)) {
		struct http_response r = {.result = HTTP_CANCELLED,
					  .retry_after_ms = -1};

		h->cancelled = c->next;
		explain(c, HTTP_CANCELLED, "it was cancelled");
		tell(c, &r);
	}
	while ((c = gate_next(&h->gate, uv_now(idle->loop))))
		put_on(c);
	if (!h->cancelled)
		uv_idle_stop(idle);
}

void http_cancel(struct http_call *c)
{
	struct http *h = c->http;

	if (c->is_cancelled)
		return;
	c->is_cancelled = true;
	leave(c);
	c->next = h->cancelled;
	h->cancelled = c;
	uv_idle_start(&h->telling, on_telling);
}

/* Beginning and end */

struct http *http_new(uv_loop_t *loop, const struct http_options *options,
		      struct error *err)
{
	struct http *h = xcalloc(1, sizeof(*h));

	if (http_multi_start(&h->multi, loop, options->connections_max, err) <
	    0) {
		free(h);
		return NULL;
	}
	h->multi.on_done = on_done;
	h->multi.arg = h;
	h->deny = options->deny;
	uv_idle_init(loop, &h->telling);
	h->telling.data = h;
	return h;
}

static void on_multi_stopped(void *arg)
{
	struct http *h = arg;
	void (*on_stopped)(void *arg) = h->on_stopped;
	void *on_stopped_arg = h->arg;

	free(h);
	on_stopped(on_stopped_arg);
}

static void on_telling_closed(uv_handle_t *handle)
{
	struct http *h = handle->data;

	while (h->spare_count)
		h->multi.api.easy_cleanup(h->spare[--h->spare_count]);
	gate_clear(&h->gate);
	http_multi_stop(&h->multi, on_multi_stopped, h);
}

static void on_last_telling(uv_idle_t *idle)
{
	struct http *h = idle->data;

	on_telling(idle);
	if (!h->cancelled)
		uv_close((uv_handle_t *)idle, on_telling_closed);
}

void http_stop(struct http *h, void (*on_stopped)(void *arg), void *arg)
{
	must(!h->on_stopped);
	h->on_stopped = on_stopped;
	h->arg = arg;
	while (h->calls)
		http_cancel(h->calls);
	uv_idle_stop(&h->telling);
	uv_idle_start(&h->telling, on_last_telling);
}
