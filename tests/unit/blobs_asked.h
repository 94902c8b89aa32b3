/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_BLOBS_ASKED_H
#define TREADLE_TEST_BLOBS_ASKED_H

#include "blobs_rig.h"

/* Calls of a place, one after the other, each waited for. */
static inline void on_done(void *arg, const struct error *err)
{
	struct rig *r = arg;

	r->dones++;
	r->err.kind = ERR_NONE;
	if (err)
		r->err = *err;
}

/* 0, or -1 with r->err. */
static inline int await(struct rig *r)
{
	while (!r->dones)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(r->dones, 1);
	r->dones = 0;
	return r->err.kind == ERR_NONE ? 0 : -1;
}

static inline int put(struct rig *r)
{
	blobs_put(r->blobs, &r->blob, SLICE("content"), on_done, r);
	assert_int_equal(r->dones, 0);
	return await(r);
}

static inline int get(struct rig *r)
{
	buf_reset(&r->out);
	blobs_get(r->blobs, &r->blob, &r->out, on_done, r);
	return await(r);
}

static inline int drop(struct rig *r)
{
	blobs_remove(r->blobs, slice_of(r->blob.name), on_done, r);
	return await(r);
}

static inline int try(struct rig *r)
{
	blobs_try(r->blobs, on_done, r);
	return await(r);
}

#define assert_says(r, what) assert_non_null(strstr((r)->err.text, what))

#endif
