/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REQUEST_H
#define TREADLE_REQUEST_H

#include "treadle/http.h"

#include "worker.h"

/*
 * From the parameters of an http step to the request: URL with query, method,
 * headers, body. What is made lies in the attempt's arena; texts of the
 * parameters are borrowed, for they live as long.
 */

/* Fills in url, method, headers and body. Errors show no values. */
int request_make(struct attempt *a, struct http_request *r, struct error *err);

#endif
