/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "download.h"
#include "param.h"
#include "request.h"
#include "tools.h"
#include "treadle/log.h"

/*
 * http: call an API.
 *
 * request.c makes the request, http.c carries it, answer.c reads what comes.
 * Here is what lies between: which statuses are successes, where the body
 * goes, and the parameter `output`, which is not among a->params: it is an
 * expression over the answer, so the core leaves it to us (a->plan->late).
 */
#define DOWNLOAD_MAX (1LL << 30)
#define DETAIL_MAX 4096

struct http_step {
	struct attempt *attempt;
	struct http_request request;
	struct http_call *call; /* NULL before and after */
	struct download *download;
	int status;
	bool is_ok; /* the status is one of those that are accepted */

	/* Why it failed, until the file that was begun is removed. */
	bool has_failed;
	struct failure failure;
};

/* Which statuses are successes */

static bool is_accepted(const struct attempt *a, int status)
{
	jv accept = param_get(a, "accept");
	bool is_found = !jv_is_valid(accept) && status >= 200 && status <= 299;

	if (jv_is_valid(accept)) {
		jv_array_foreach (accept, i, item) {
			is_found = is_found || jv_number_value(item) == status;
			jv_free(item);
		}
	}
	jv_free(accept);
	return is_found;
}

static enum http_use on_head(void *arg, int status)
{
	struct http_step *h = arg;

	h->status = status;
	h->is_ok = is_accepted(h->attempt, status);
	if (!h->is_ok)
		return HTTP_BRIEF;
	return h->download ? HTTP_STREAM : HTTP_KEEP;
}

/* The output */

static void on_value(struct attempt *a, jv value, const struct error *err)
{
	if (!err)
		attempt_done(a, jv_copy(value));
	else if (err->kind == ERR_UNAVAILABLE)
		attempt_failed_text(a, FAILURE_TRANSIENT, 0, "output: %s",
				    err->text);
	else
		attempt_failed_text(a, FAILURE_EXPRESSION, 0, "output: %s",
				    err->text);
}

/* Owns answer. */
static void finish(struct attempt *a, jv answer)
{
	const struct formula *output = &a->plan->late;

	if (!output->template)
		attempt_done(a, jv_object_get(answer, jv_string("body")));
	else
		attempt_evaluate(a, output, "response", answer, on_value);
}

/* With a download the file takes the place of the body. */
static void finish_file(struct http_step *h, const struct download_file *file)
{
	struct attempt *a = h->attempt;
	const char *path = param_text(a, "download");
	jv out = jv_object();

	out = jv_object_set(out, jv_string("file"), jv_string(path));
	out = jv_object_set(out, jv_string("bytes"),
			    jv_number((double)file->size));
	out = jv_object_set(out, jv_string("sha256"), jv_string(file->sha256));
	out = jv_object_set(out, jv_string("status"), jv_number(h->status));
	attempt_done(a, out);
}

static void on_file(void *arg, const struct download_file *file,
		    const struct error *err)
{
	struct http_step *h = arg;

	if (h->has_failed)
		attempt_failed(h->attempt, &h->failure);
	else if (err)
		attempt_failed_text(h->attempt, FAILURE_ERROR, 0, "%s",
				    err->text);
	else
		finish_file(h, file);
}

/* The answer */

static void fail(struct http_step *h, const struct http_response *r)
{
	struct attempt *a = h->attempt;
	struct buf detail;

	buf_init(&detail, DETAIL_MAX);
	answer_failure(r, h->request.url, &h->failure, &detail);
	h->failure.detail = arena_copy(&a->arena, h->failure.detail);
	buf_clear(&detail);
	/* What stopped us was the file: it says why better than we could. */
	h->has_failed = r->result != HTTP_STOPPED;
	if (h->download)
		download_end(h->download, !h->has_failed, on_file);
	else
		attempt_failed(a, &h->failure);
}

static void on_end(void *arg, const struct http_response *r)
{
	struct http_step *h = arg;
	struct attempt *a = h->attempt;
	struct error err;
	jv answer;

	h->call = NULL;
	if (r->retry_after_ms > 0)
		a->wait_ms = r->retry_after_ms;
	if (r->result != HTTP_ANSWERED || !h->is_ok) {
		fail(h, r);
	} else if (h->download) {
		download_end(h->download, true, on_file);
	} else if (answer_read(r, &answer, &err) < 0) {
		attempt_failed_text(a, FAILURE_BAD_OUTPUT, r->status, "%s",
				    err.text);
	} else {
		finish(a, answer);
	}
}

static enum http_flow on_body(void *arg, struct slice bytes)
{
	struct http_step *h = arg;

	switch (download_write(h->download, bytes)) {
	case DOWNLOAD_TAKEN:
		return HTTP_GO;
	case DOWNLOAD_FULL:
		return HTTP_PAUSE;
	case DOWNLOAD_BROKEN:
		break;
	}
	return HTTP_STOP;
}

static void on_room(void *arg)
{
	struct http_step *h = arg;

	if (h->call)
		http_resume(h->call);
}

/* The call */

static int prepare_download(struct http_step *h, struct error *err)
{
	struct attempt *a = h->attempt;
	const char *path = param_text(a, "download");
	const char *base = worker_config(a->worker)->worker.directory;

	h->request.is_unpacked = !path;
	if (!path)
		return 0;
	h->request.on_body = on_body;
	h->download = download_new(worker_loop(a->worker), base, path, on_room,
				   h, err);
	return h->download ? 0 : -1;
}

static int prepare(struct http_step *h, struct error *err)
{
	struct attempt *a = h->attempt;
	struct http_request *r = &h->request;
	int64_t output_max = worker_config(a->worker)->worker.output_max;
	bool is_file = param_text(a, "download") != NULL;

	r->on_head = on_head;
	r->on_end = on_end;
	r->arg = h;
	r->body_max = (size_t)param_size(a, "size_max",
					 is_file ? DOWNLOAD_MAX : output_max);
	if (a->plan->late.template &&
	    template_has_secrets(a->plan->late.template))
		return error_set(err, ERR_INPUT,
				 "output must not hold a secret: it is stored");
	if (request_make(a, r, err) < 0)
		return -1;
	return prepare_download(h, err);
}

static void http_step_start(struct attempt *a)
{
	struct http_step *h = arena_calloc(&a->arena, 1, sizeof(*h));
	struct error err;
	struct http *http = tools_http(worker_tools(a->worker), &err);

	h->attempt = a;
	a->work = h;
	if (!http)
		attempt_failed_text(a,
				    err.kind == ERR_UNAVAILABLE
					    ? FAILURE_TRANSIENT
					    : FAILURE_UNSUPPORTED,
				    0, "%s", err.text);
	else if (prepare(h, &err) < 0)
		attempt_failed_text(a, FAILURE_REJECTED, 0, "%s", err.text);
	else
		h->call = http_start(http, &h->request);
}

/* What is on the way when the call has ended ends soon by itself. */
static void http_step_stop(struct attempt *a, bool at_once)
{
	struct http_step *h = a->work;

	(void)at_once;
	if (h->call)
		http_cancel(h->call);
}

const struct kind step_http = {.start = http_step_start,
			       .stop = http_step_stop};
