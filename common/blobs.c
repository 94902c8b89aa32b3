/* SPDX-License-Identifier: MIT */
#include "treadle/blobs.h"

#include <stdlib.h>
#include <string.h>

#include "blobs_place.h"

/*
 * The calls, wherever blobs are: each is handed to the place, and what one
 * has read is compared with its name by a thread.
 */
struct blobs {
	uv_loop_t *loop;
	const struct blob_place *kind;
	void *place;
	bool has_place, has_stopped; /* the place */
	size_t calls;                /* in progress */

	uv_idle_t end; /* never started: its closing is our last event */
	void (*on_stopped)(void *arg);
	void *arg;
};

/* --- calls --------------------------------------------------------------- */

static void look_for_end(struct blobs *b);

static void finish(struct blob_call *c)
{
	struct blobs *b = c->blobs;

	if (c->err.kind != ERR_NONE && c->out)
		buf_cut(c->out, c->out_before);
	c->on_done(c->arg, c->err.kind == ERR_NONE ? NULL : &c->err);
	free(c);
	b->calls--;
	look_for_end(b);
}

static void on_verify(uv_work_t *work)
{
	struct blob_call *c = work->data;
	struct slice bytes = {c->out->data + c->out_before,
			      c->out->len - c->out_before};

	blob_verify(&c->blob, bytes, &c->err);
}

static void on_verified(uv_work_t *work, int status)
{
	must(status == 0); /* nobody cancels it */
	finish(work->data);
}

void blob_done(struct blob_call *c)
{
	if (c->verb != BLOB_GET || c->err.kind != ERR_NONE) {
		finish(c);
		return;
	}
	c->work.data = c;
	must(uv_queue_work(c->blobs->loop, &c->work, on_verify, on_verified) ==
	     0);
}

static struct blob_call *call_new(struct blobs *b, enum blob_verb verb,
				  blob_done_fn *on_done, void *arg)
{
	struct blob_call *c = xcalloc(1, sizeof(*c));

	must(!b->on_stopped);
	c->blobs = b;
	c->place = b->place;
	c->verb = verb;
	c->on_done = on_done;
	c->arg = arg;
	b->calls++;
	return c;
}

void blobs_put(struct blobs *b, const struct blob *blob, struct slice bytes,
	       blob_done_fn *on_done, void *arg)
{
	struct blob_call *c = call_new(b, BLOB_PUT, on_done, arg);

	c->blob = *blob;
	c->bytes = bytes;
	b->kind->begin(c);
}

void blobs_get(struct blobs *b, const struct blob *blob, struct buf *out,
	       blob_done_fn *on_done, void *arg)
{
	struct blob_call *c = call_new(b, BLOB_GET, on_done, arg);

	c->blob = *blob;
	c->out = out;
	c->out_before = out->len;
	b->kind->begin(c);
}

void blobs_remove(struct blobs *b, struct slice name, blob_done_fn *on_done,
		  void *arg)
{
	struct blob_call *c = call_new(b, BLOB_REMOVE, on_done, arg);

	must(blob_name_is_valid(name));
	memcpy(c->blob.name, name.data, name.len);
	b->kind->begin(c);
}

void blobs_try(struct blobs *b, blob_done_fn *on_done, void *arg)
{
	b->kind->begin(call_new(b, BLOB_TRY, on_done, arg));
}

/* --- beginning and end --------------------------------------------------- */

static const struct blob_place *choose(const struct config *config)
{
	return *config->blobs.bucket ? &place_bucket : &place_folder;
}

int blobs_check(const struct config *config, struct error *err)
{
	const struct blob_place *kind = choose(config);

	if (*config->blobs.bucket && *config->blobs.folder)
		return error_set(err, ERR_USAGE,
				 "blobs.bucket and blobs.folder are both set, "
				 "but big values are kept in one place: "
				 "remove one of them");
	if (!*config->blobs.bucket &&
	    (*config->blobs.endpoint || *config->blobs.access_key))
		return error_set(err, ERR_USAGE,
				 "blobs.endpoint or blobs.access_key is set, "
				 "but no blobs.bucket");
	return kind->check ? kind->check(config, err) : 0;
}

struct blobs *blobs_new(uv_loop_t *loop, const struct config *config)
{
	struct blobs *b = xcalloc(1, sizeof(*b));

	b->loop = loop;
	b->kind = choose(config);
	b->place = b->kind->open(loop, config);
	b->has_place = *config->blobs.bucket || *config->blobs.folder;
	uv_idle_init(loop, &b->end);
	b->end.data = b;
	return b;
}

bool blobs_have_place(const struct blobs *b)
{
	return b->has_place;
}

static void on_end_closed(uv_handle_t *handle)
{
	struct blobs *b = handle->data;
	void (*on_stopped)(void *arg) = b->on_stopped;
	void *arg = b->arg;

	free(b->place);
	free(b);
	on_stopped(arg);
}

static void look_for_end(struct blobs *b)
{
	if (b->has_stopped && b->calls == 0)
		uv_close((uv_handle_t *)&b->end, on_end_closed);
}

static void on_place_stopped(void *arg)
{
	struct blobs *b = arg;

	b->has_stopped = true;
	look_for_end(b);
}

void blobs_stop(struct blobs *b, void (*on_stopped)(void *arg), void *arg)
{
	must(!b->on_stopped);
	b->on_stopped = on_stopped;
	b->arg = arg;
	b->kind->stop(b->place, on_place_stopped, b);
}
