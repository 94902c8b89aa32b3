/* SPDX-License-Identifier: MIT */
#include "routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "coordinator.h"
#include "metrics.h"

#define PAGE_MAX ((size_t)16 << 20)
#define FRESH_MS 1000

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

static void answer(struct http_request *r, int status, const char *type,
		   struct slice body)
{
	const struct http_content content = {type, body};

	http_answer(r, status, &content);
}

/* Sends what page holds and clears it. */
static void answer_page(struct http_request *r, int status, const char *type,
			struct buf *page)
{
	if (page->is_full)
		answer(r, 500, TEXT, SLICE("the page is too large\n"));
	else
		answer(r, status, type, buf_slice(page));
	buf_clear(page);
}

/* {"error": "..."} with the status that the kind of error stands for. */
static void answer_error(struct http_request *r, const struct error *err)
{
	struct buf page;

	buf_init(&page, PAGE_MAX);
	buf_adds(&page, "{\"error\":");
	json_quote(&page, slice_of(err->text));
	buf_adds(&page, "}\n");
	answer_page(r, error_http_status(err->kind), JSON, &page);
}

/* --- /healthz: the loop turns, or nobody would answer ----------------------
 */

static void answer_health(struct coordinator *c, struct http_request *r)
{
	(void)c;
	answer(r, 200, TEXT, SLICE("ok\n"));
}

/* --- /readyz: Redis takes a write that needs memory ------------------------
 */

static void on_probed(void *arg, jv probed, const struct error *err)
{
	struct http_request *r = arg;
	struct error unready;

	(void)probed;
	if (err) {
		/* Whatever the reason is: not now. */
		unready = *err;
		unready.kind = ERR_UNAVAILABLE;
		answer_error(r, &unready);
		return;
	}
	answer(r, 200, TEXT, SLICE("ok\n"));
}

static void answer_readiness(struct coordinator *c, struct http_request *r)
{
	question_ask(&c->routes.probe, on_probed, r);
}

/* --- /metrics --------------------------------------------------------------
 */

/* A request that waits for the answer to a question. */
struct visit {
	struct coordinator *coordinator;
	struct http_request *request;
};

static struct visit *visit_new(struct coordinator *c, struct http_request *r)
{
	struct visit *v = xmalloc(sizeof(*v));

	*v = (struct visit){c, r};
	return v;
}

static void on_metrics(void *arg, jv stats, const struct error *err)
{
	struct visit *v = arg;
	struct buf page;

	(void)err; /* the page says so: treadle_redis_up 0 */
	buf_init(&page, PAGE_MAX);
	metrics_print(v->coordinator, stats, &page);
	answer_page(v->request, 200, PROMETHEUS, &page);
	free(v);
}

static void answer_metrics(struct coordinator *c, struct http_request *r)
{
	question_ask(&c->routes.stats, on_metrics, visit_new(c, r));
}

/* --- /scale: what an autoscaler of workers wants to know -------------------
 */

static void print_queue(jv queue, struct buf *page)
{
	jv name = value_get(queue, "queue");

	if (value_is_text(name)) {
		json_quote(page, value_text(name));
		buf_addf(page,
			 ":{\"waiting\":%" PRId64 ",\"running\":%" PRId64
			 ",\"oldest_ms\":%" PRId64 "}",
			 answer_number(queue, "waiting", 0),
			 answer_number(queue, "running", 0),
			 answer_number(queue, "oldest_ms", 0));
	}
	jv_free(name);
}

static void on_scale(void *arg, jv stats, const struct error *err)
{
	struct http_request *r = arg;
	struct buf page;
	jv queues;

	if (err) {
		answer_error(r, err);
		return;
	}
	buf_init(&page, PAGE_MAX);
	queues = answer_array(stats, "queues");
	jv_array_foreach (queues, i, queue) {
		buf_adds(&page, i ? "," : "{");
		print_queue(queue, &page);
		jv_free(queue);
	}
	jv_free(queues);
	buf_adds(&page, page.len ? "}\n" : "{}\n");
	answer_page(r, 200, JSON, &page);
}

static void answer_scale(struct coordinator *c, struct http_request *r)
{
	question_ask(&c->routes.stats, on_scale, r);
}

/* --- the table -------------------------------------------------------------
 */

static const struct {
	const char *path;
	void (*answer)(struct coordinator *c, struct http_request *r);
} routes[] = {
	{"/healthz", answer_health},
	{"/readyz", answer_readiness},
	{"/metrics", answer_metrics},
	{"/scale", answer_scale},
};

void routes_answer(void *arg, struct http_request *request, const char *path)
{
	struct coordinator *c = arg;

	if (c->is_stopping) {
		answer(request, 503, TEXT, SLICE("stopping\n"));
		return;
	}
	for (size_t i = 0; i < countof(routes); i++) {
		if (!strcmp(path, routes[i].path)) {
			routes[i].answer(c, request);
			return;
		}
	}
	answer(request, 404, TEXT,
	       SLICE("there are /healthz, /readyz, /metrics and /scale\n"));
}

void routes_init(struct routes *r, struct store *s)
{
	question_init(&r->stats, s, STORE_stats, FRESH_MS);
	question_init(&r->probe, s, STORE_probe, FRESH_MS);
}

void routes_clear(struct routes *r)
{
	question_clear(&r->stats);
	question_clear(&r->probe);
}
