/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/http.h"
#include "treadle/log.h"

#include "blobs_place.h"
#include "bucket.h"
#include "password.h"

/*
 * Blobs as objects in a bucket, over HTTP, signed by libcurl.
 *
 * What is asked may be asked again, whether or not the reply was lost: a name
 * has one content for ever, and what is gone stays gone. So whatever may pass
 * is tried again until blobs.timeout is over, the waiting for a place among
 * the requests included: who waits for a blob knows for how long.
 *
 * The hash of a body is in the blob's name: it is sent along and signed, so
 * that the bucket refuses what was damaged on its way.
 */
#define BUSY_MAX 32 /* requests at a time */
#define TRIES_MAX 4
#define PAUSE_MS 200 /* before the second try, at most; then twice as long */
#define NOTHING_SHA256                                                         \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct bucket {
	uv_loop_t *loop;
	const struct config *config;
	struct http *http; /* NULL before the first request */
	char *base;        /* the URL of all objects, up to the prefix */
	char *scope;
	char secret[PASSWORD_MAX];
	struct http_signature signature;
	struct bucket_call *calls; /* those that wait in their order */
	int busy;
	void (*on_stopped)(void *arg);
	void *arg;
};

enum bucket_state {
	BUCKET_WAITING, /* for one of the BUSY_MAX */
	BUCKET_SENT,
	BUCKET_PAUSING, /* before the next try */
	BUCKET_ENDING,
};

struct bucket_call {
	struct bucket *bucket;
	struct blob_call *blob_call;
	struct bucket_call *next, *prev;
	enum bucket_state state;
	uv_timer_t timer; /* the deadline; while pausing, the pause */
	int64_t until;    /* monotonic */
	int tries;
	struct http_call *http_call;
	struct http_request request;
	const char *headers[3];
	char *url, *hash_header;
};

/* --- the end of a call ---------------------------------------------------- */

static void send_next(struct bucket *b);

static void on_http_stopped(void *arg)
{
	struct bucket *b = arg;

	explicit_bzero(b->secret, sizeof(b->secret));
	free(b->base);
	free(b->scope);
	b->on_stopped(b->arg);
}

static void look_for_end(struct bucket *b)
{
	if (!b->on_stopped || b->calls)
		return;
	if (b->http)
		http_stop(b->http, on_http_stopped, b);
	else
		on_http_stopped(b);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct bucket_call *c = handle->data;
	struct blob_call *blob_call = c->blob_call;
	struct bucket *b = c->bucket;

	if (c->prev)
		c->prev->next = c->next;
	else
		b->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	free(c->url);
	free(c->hash_header);
	free(c);
	blob_done(blob_call);
	look_for_end(b);
}

static void end(struct bucket_call *c)
{
	if (c->state == BUCKET_ENDING)
		return;
	c->state = BUCKET_ENDING;
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static int refuse(struct bucket_call *c, const char *why)
{
	static const char *const verbs[] = {"put", "get", "remove", "find"};
	struct blob_call *call = c->blob_call;

	return error_set(&call->err, ERR_UNAVAILABLE,
			 "can't %s %s%s%sbucket %s: %s", verbs[call->verb],
			 *call->blob.name ? "blob " : "", call->blob.name,
			 *call->blob.name ? " in " : "",
			 c->bucket->config->blobs.bucket, why);
}

/* --- what comes ----------------------------------------------------------- */

/* Trying again may help: so late, or not any more, where that is over. */
static void try_again(struct bucket_call *c, int64_t wish_ms)
{
	int64_t pause = PAUSE_MS << (c->tries - 1);

	pause = (int64_t)(crypto_random_u64() % (uint64_t)pause);
	if (pause < wish_ms)
		pause = wish_ms;
	if (c->tries == TRIES_MAX || c->bucket->on_stopped ||
	    clock_monotonic_ms() + pause >= c->until) {
		end(c);
		return;
	}
	c->state = BUCKET_PAUSING;
	uv_timer_start(&c->timer, c->timer.timer_cb, (uint64_t)pause, 0);
}

static void on_end(void *arg, const struct http_response *r)
{
	struct bucket_call *c = arg;
	struct bucket *b = c->bucket;
	char why[BUCKET_WHY_MAX];
	enum bucket_verdict verdict = bucket_judge(c->blob_call->verb, r, why);

	c->http_call = NULL;
	b->busy--;
	c->blob_call->err.kind = ERR_NONE;
	if (r->result == HTTP_CANCELLED)
		refuse(c, b->on_stopped ? "the program stops"
					: "it takes longer than blobs.timeout");
	else if (verdict != BUCKET_WELL)
		refuse(c, why);
	if (verdict == BUCKET_AGAIN)
		try_again(c, r->retry_after_ms);
	else
		end(c);
	send_next(b);
}

static enum http_use on_head(void *arg, int status)
{
	struct bucket_call *c = arg;

	return c->blob_call->verb == BLOB_GET && status == 200 ? HTTP_STREAM
							       : HTTP_BRIEF;
}

static enum http_flow on_body(void *arg, struct slice bytes)
{
	struct bucket_call *c = arg;
	bool has_room = buf_add(c->blob_call->out, bytes.data, bytes.len) == 0;

	return has_room ? HTTP_GO : HTTP_STOP;
}

/* --- what goes ------------------------------------------------------------ */

/* Loaded and read when it is needed: idle programs need little. */
static int prepare(struct bucket *b, struct error *err)
{
	const struct http_options options = {.connections_max = BUSY_MAX};
	const char *file = b->config->blobs.secret_key_file;

	if (*file && password_read(file, "--blobs-secret-key-file", b->secret,
				   err) < 0) {
		err->kind = ERR_UNAVAILABLE;
		return -1;
	}
	if (!b->http)
		b->http = http_new(b->loop, &options, err);
	return b->http ? 0 : -1;
}

static uint64_t time_left(const struct bucket_call *c)
{
	int64_t left = c->until - clock_monotonic_ms();

	return left > 0 ? (uint64_t)left : 0;
}

static void dispatch(struct bucket_call *c)
{
	struct blob_call *call = c->blob_call;

	if (prepare(c->bucket, &call->err) < 0) {
		end(c);
		return;
	}
	if (call->out)
		buf_cut(call->out, call->out_before);
	c->state = BUCKET_SENT;
	c->bucket->busy++;
	c->tries++;
	c->http_call = http_start(c->bucket->http, &c->request);
	uv_timer_start(&c->timer, c->timer.timer_cb, time_left(c), 0);
}

static void admit(struct bucket_call *c)
{
	c->state = BUCKET_WAITING;
	if (c->bucket->busy < BUSY_MAX)
		dispatch(c);
	else
		uv_timer_start(&c->timer, c->timer.timer_cb, time_left(c), 0);
}

static void send_next(struct bucket *b)
{
	struct bucket_call *c = b->calls;

	while (c && c->state != BUCKET_WAITING)
		c = c->next;
	if (c && !b->on_stopped)
		dispatch(c);
}

static void on_timer(uv_timer_t *timer)
{
	struct bucket_call *c = timer->data;

	if (c->state == BUCKET_SENT) {
		http_cancel(c->http_call);
	} else if (c->state == BUCKET_PAUSING) {
		admit(c);
	} else if (c->state == BUCKET_WAITING) {
		refuse(c, "others take longer than blobs.timeout");
		end(c);
	}
}

/* --- calls ---------------------------------------------------------------- */

static void write_request(struct bucket_call *c)
{
	static const char *const methods[] = {"PUT", "GET", "DELETE", "GET"};
	const struct blob_call *call = c->blob_call;
	bool is_put = call->verb == BLOB_PUT;

	c->url = *call->blob.name
			 ? xasprintf("%s%.2s/%.2s/%s", c->bucket->base,
				     call->blob.name, call->blob.name + 2,
				     call->blob.name)
			 : xasprintf("%sno-such-blob", c->bucket->base);
	c->hash_header = xasprintf("x-amz-content-sha256: %.64s",
				   is_put ? call->blob.name : NOTHING_SHA256);
	c->headers[0] = c->hash_header;
	if (is_put)
		c->headers[1] = "Content-Type: application/octet-stream";
	c->request = (struct http_request){
		.url = c->url,
		.method = methods[call->verb],
		.headers = c->headers,
		.has_body = is_put,
		.body = is_put ? call->bytes : SLICE(""),
		.body_max = call->out ? (size_t)call->blob.bytes : 0,
		.signature = &c->bucket->signature,
		.on_head = on_head,
		.on_body = on_body,
		.on_end = on_end,
		.arg = c};
}

/* Behind the others: they go first. */
static void append(struct bucket *b, struct bucket_call *c)
{
	struct bucket_call *last = b->calls;

	while (last && last->next)
		last = last->next;
	c->prev = last;
	if (last)
		last->next = c;
	else
		b->calls = c;
}

static void bucket_begin(struct blob_call *call)
{
	struct bucket_call *c = xcalloc(1, sizeof(*c));
	struct bucket *b = call->place;

	c->bucket = b;
	c->blob_call = call;
	c->until = clock_monotonic_ms() + b->config->blobs.timeout;
	write_request(c);
	append(b, c);
	uv_timer_init(b->loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, on_timer, 0, 0);
	admit(c);
}

/* --- beginning and end ---------------------------------------------------- */

static void *bucket_open(uv_loop_t *loop, const struct config *config)
{
	struct bucket *b = xcalloc(1, sizeof(*b));
	const char *endpoint = config->blobs.endpoint;
	size_t len = strlen(endpoint);

	b->loop = loop;
	b->config = config;
	if (len > 0 && endpoint[len - 1] == '/')
		len--;
	b->base = len ? xasprintf("%.*s/%s/%s", (int)len, endpoint,
				  config->blobs.bucket, config->blobs.prefix)
		      : xasprintf("https://s3.%s.amazonaws.com/%s/%s",
				  config->blobs.region, config->blobs.bucket,
				  config->blobs.prefix);
	b->scope = xasprintf("aws:amz:%s:s3", config->blobs.region);
	if (strlen(config->blobs.secret_key) < sizeof(b->secret))
		memcpy(b->secret, config->blobs.secret_key,
		       strlen(config->blobs.secret_key) + 1);
	if (*b->secret)
		log_mask(b->secret);
	b->signature = (struct http_signature){
		b->scope, config->blobs.access_key, b->secret};
	return b;
}

static void bucket_stop(void *place, void (*on_stopped)(void *arg), void *arg)
{
	struct bucket *b = place;

	b->on_stopped = on_stopped;
	b->arg = arg;
	for (struct bucket_call *c = b->calls; c; c = c->next) {
		if (c->state == BUCKET_SENT) {
			http_cancel(c->http_call);
		} else if (c->state != BUCKET_ENDING) {
			refuse(c, "the program stops");
			end(c);
		}
	}
	look_for_end(b);
}

const struct blob_place place_bucket = {
	.check = bucket_check,
	.open = bucket_open,
	.begin = bucket_begin,
	.stop = bucket_stop,
};
