/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BUCKET_H
#define TREADLE_BUCKET_H

#include "treadle/http.h"

#include "blobs_place.h"

/*
 * What the bucket's answers mean, for bucket.c, and whether the options that
 * lead there make sense. For nobody else.
 */
enum bucket_verdict {
	BUCKET_WELL,
	BUCKET_AGAIN, /* it may pass */
	BUCKET_NEVER, /* somebody must do something */
};

/* Writes why, and what to do about it, unless all is well. */
#define BUCKET_WHY_MAX 400
enum bucket_verdict bucket_judge(enum blob_verb verb,
				 const struct http_response *r,
				 char why[BUCKET_WHY_MAX]);

int bucket_check(const struct config *config, struct error *err);

#endif
