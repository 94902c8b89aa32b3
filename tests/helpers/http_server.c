/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/text.h"
#include "treadle/value.h"
#include "gzip.h"
#include "http_listener.h"

/*
 * An HTTP server for tests and benchmarks: each path behaves in its own way,
 * well or badly. Listens on 127.0.0.1, prints its port, ends at SIGTERM.
 *
 *   /status/N /json /text/N /bytes/N /gzip/N   what they say, N bytes
 *   /delay/MS /slow-dribble                    late, and without an end
 *   /echo                                      the request, as JSON
 *   /redirect?to=URL /retry-after/S /retry-date /throttled/S
 *   /flaky/N                                   503, but for a key's N+1st time
 *   /job/N?NAME                                202, and 200 from its N+1st time
 *   /charge /ledger                            times that each key came
 *   /stats                                     connections and requests
 *   /close-early /reset /headers-flood /interim-flood
 *   /bad-json /latin1 /gzip-bomb
 */
static jv ledger; /* times by idempotency key */

/* Owns value. */
static void answer_value(struct connection *c, jv value)
{
	struct buf text;

	buf_init(&text, REQUEST_MAX);
	json_print(value, &text);
	answer_json(c, 200, text.data);
	buf_clear(&text);
	jv_free(value);
}

static jv text_of(struct slice s)
{
	return jv_string_sized(s.data, (int)s.len);
}

/* How often this has come, this time included. Owns key. */
static int count_up(jv key)
{
	jv times = value_get(ledger, jv_string_value(key));
	int count = jv_is_valid(times) ? (int)jv_number_value(times) + 1 : 1;

	jv_free(times);
	ledger = jv_object_set(ledger, key, jv_number(count));
	return count;
}

/* How often this request's idempotency key has come. */
static int count_key(const struct request *q)
{
	return count_up(text_of(find_header(q->head, "Idempotency-Key")));
}

static void answer_gzip(struct connection *c, long long count)
{
	struct response r = {.status = 200,
			     .type = "text/plain",
			     .headers = "Content-Encoding: gzip\r\n"};
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	add_gzip(&body, count);
	r.body = buf_slice(&body);
	answer(c, &r);
	buf_clear(&body);
}

/* Routes */

static void on_delay(uv_timer_t *timer)
{
	answer_json(timer->data, 200, "{\"late\":true}");
}

static void route_delay(const struct request *q)
{
	uv_timer_start(&q->connection->timer, on_delay, (uint64_t)q->number, 0);
}

static void route_status(const struct request *q)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"status\":%ld}", q->number);
	answer_json(q->connection, (int)q->number, text);
}

static void route_json(const struct request *q)
{
	answer_json(q->connection, 200,
		    "{\"hello\":\"world\",\"list\":[1,2,3]}");
}

static void route_echo(const struct request *q)
{
	struct slice head = q->head, name, value;
	jv headers = jv_object(), out = jv_object();

	while (next_header(&head, &name, &value))
		headers = jv_object_set(headers, text_of(name), text_of(value));
	out = jv_object_set(out, jv_string("method"), text_of(q->method));
	out = jv_object_set(out, jv_string("path"), text_of(q->path));
	out = jv_object_set(out, jv_string("query"), text_of(q->query));
	out = jv_object_set(out, jv_string("body"), text_of(q->body));
	answer_value(q->connection,
		     jv_object_set(out, jv_string("headers"), headers));
}

static void send_bytes(struct connection *c)
{
	struct out *out;
	long part = c->left < 65536 ? c->left : 65536;

	if (!part) {
		next_request(c);
		return;
	}
	out = out_new(c, send_bytes);
	memset(buf_room(&out->bytes, (size_t)part), 'x', (size_t)part);
	out->bytes.len += (size_t)part;
	c->left -= part;
	out_send(out);
}

static void route_bytes(const struct request *q)
{
	struct out *out = out_new(q->connection, send_bytes);
	bool is_text = slice_starts(q->path, "/text");

	add_head(&out->bytes, 200,
		 is_text ? "text/plain" : "application/octet-stream", q->number,
		 "");
	q->connection->left = q->number;
	out_send(out);
}

static void route_gzip(const struct request *q)
{
	answer_gzip(q->connection, q->number ? q->number : BOMB_SIZE);
}

static void nothing(struct connection *c)
{
	(void)c;
}

static void on_dribble(uv_timer_t *timer)
{
	struct out *out = out_new(timer->data, nothing);

	buf_addc(&out->bytes, '.');
	out_send(out);
}

static void begin_dribble(struct connection *c)
{
	uv_timer_start(&c->timer, on_dribble, 20, 20);
}

static void route_dribble(const struct request *q)
{
	struct out *out = out_new(q->connection, begin_dribble);

	add_head(&out->bytes, 200, "text/plain", 1000000, "");
	out_send(out);
}

static void route_redirect(const struct request *q)
{
	struct response r = {.status = 302, .type = "text/plain"};
	struct slice to = q->query;
	char *headers;

	slice_cut(&to, '=');
	headers = xasprintf("Location: %.*s\r\n", (int)to.len, to.data);
	r.headers = headers;
	r.body = SLICE("it has moved");
	answer(q->connection, &r);
	free(headers);
}

static void answer_later(struct connection *c, int status, const char *when)
{
	struct response r = {.status = status, .type = "text/plain"};
	char *headers = xasprintf("Retry-After: %s\r\n", when);

	r.headers = headers;
	r.body = SLICE("not now,\nplease");
	answer(c, &r);
	free(headers);
}

static void route_retry_after(const struct request *q)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", q->number);
	answer_later(q->connection, slice_starts(q->path, "/thr") ? 429 : 503,
		     text);
}

static void route_retry_date(const struct request *q)
{
	time_t when = time(NULL) + 100;
	char text[64];

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT",
		 gmtime(&when));
	answer_later(q->connection, 503, text);
}

static void route_flaky(const struct request *q)
{
	int times = count_key(q);

	answer_json(q->connection, times > q->number ? 200 : 503,
		    times > q->number ? "\"at last\"" : "0");
}

/* An asynchronous API: asked again and again until it is ready. */
static void route_job(const struct request *q)
{
	int times = count_up(text_of(q->query));
	bool is_ready = times > q->number;
	struct response r = {.status = is_ready ? 200 : 202,
			     .type = "application/json",
			     .headers = is_ready ? "" : "Retry-After: 1\r\n"};
	char text[64];

	snprintf(text, sizeof(text), "{\"state\":\"%s\",\"asked\":%d}",
		 is_ready ? "ready" : "working", times);
	r.body = slice_of(text);
	answer(q->connection, &r);
}

static void route_charge(const struct request *q)
{
	char text[32];

	snprintf(text, sizeof(text), "{\"times\":%d}", count_key(q));
	answer_json(q->connection, 200, text);
}

static void route_ledger(const struct request *q)
{
	answer_value(q->connection, jv_copy(ledger));
}

static void route_stats(const struct request *q)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"connections\":%ld,\"requests\":%ld}",
		 server.connections, server.requests);
	answer_json(q->connection, 200, text);
}

static void route_early(const struct request *q)
{
	struct out *out = out_new(q->connection, close_connection);

	add_head(&out->bytes, 200, "text/plain", 1000, "");
	buf_adds(&out->bytes, "only this");
	out_send(out);
}

static void route_reset(const struct request *q)
{
	close_connection(q->connection);
}

static void send_flood(struct connection *c)
{
	struct out *out = out_new(c, send_flood);

	for (int i = 0; i < 100; i++)
		buf_adds(&out->bytes, c->flood);
	out_send(out);
}

static void route_headers(const struct request *q)
{
	struct out *out = out_new(q->connection, send_flood);

	q->connection->flood = "X-Again: and again\r\n";
	buf_adds(&out->bytes, "HTTP/1.1 200 OK\r\n");
	out_send(out);
}

static void route_interim(const struct request *q)
{
	q->connection->flood = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
	send_flood(q->connection);
}

static void route_bad_json(const struct request *q)
{
	answer_json(q->connection, 200, "{\"almost\": ");
}

static void route_latin1(const struct request *q)
{
	struct response r = {.status = 200, .type = "text/plain"};

	r.body = SLICE("caf\xe9");
	answer(q->connection, &r);
}

static const struct route {
	const char *path; /* one that ends in / has a number behind it */
	void (*answer)(const struct request *q);
} routes[] = {
	{"/delay/", route_delay},
	{"/status/", route_status},
	{"/json", route_json},
	{"/echo", route_echo},
	{"/text/", route_bytes},
	{"/bytes/", route_bytes},
	{"/gzip/", route_gzip},
	{"/gzip-bomb", route_gzip},
	{"/slow-dribble", route_dribble},
	{"/redirect", route_redirect},
	{"/retry-after/", route_retry_after},
	{"/throttled/", route_retry_after},
	{"/retry-date", route_retry_date},
	{"/flaky/", route_flaky},
	{"/job/", route_job},
	{"/charge", route_charge},
	{"/ledger", route_ledger},
	{"/stats", route_stats},
	{"/close-early", route_early},
	{"/reset", route_reset},
	{"/headers-flood", route_headers},
	{"/interim-flood", route_interim},
	{"/bad-json", route_bad_json},
	{"/latin1", route_latin1},
};

static void dispatch(struct request *q)
{
	for (size_t i = 0; i < countof(routes); i++) {
		const struct route *r = &routes[i];
		size_t len = strlen(r->path);

		if (!slice_starts(q->path, r->path) ||
		    (r->path[len - 1] != '/' && q->path.len != len))
			continue;
		q->number = strtol(q->path.data + len, NULL, 10);
		r->answer(q);
		return;
	}
	answer_json(q->connection, 404, "\"no such path\"");
}

int main(int argc, char **argv)
{
	ledger = jv_object();
	serve(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, dispatch);
	jv_free(ledger);
	return 0;
}
