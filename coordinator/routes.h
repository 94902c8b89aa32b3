/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ROUTES_H
#define TREADLE_ROUTES_H

#include "http.h"
#include "question.h"

/*
 * What the coordinator answers over HTTP; the table is in routes.c.
 */
struct routes {
	struct question stats, probe;
};

void routes_init(struct routes *r, struct store *s);
void routes_clear(struct routes *r); /* after the store was stopped */

/* An http_request_fn; arg is the struct coordinator. */
void routes_answer(void *arg, struct http_request *request, const char *path);

#endif
