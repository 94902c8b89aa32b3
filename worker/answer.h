/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ANSWER_H
#define TREADLE_ANSWER_H

#include "treadle/http.h"
#include "treadle/retry.h"
#include "treadle/value.h"

/*
 * From what an API answered to values and failures.
 */

/*
 * Gives {status, headers, body}: the names of headers in lower case, the body
 * as JSON where it says so, else as a text. BAD_OUTPUT is why it can fail.
 */
int answer_read(const struct http_response *r, jv *answer, struct error *err);

/*
 * The failure that a call was which is no success. Its detail is appended to
 * `detail`, which it borrows. url: what was called, of which only the host is
 * shown.
 */
void answer_failure(const struct http_response *r, const char *url,
		    struct failure *f, struct buf *detail);

#endif
