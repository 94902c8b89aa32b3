/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_LINES_H
#define PRODUCER_LINES_H

#include <uv.h>

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * The lines of a file or of standard input, one after the other, without
 * reading more than fits the buffer.
 *
 * Files are read when a line is asked for. A pipe or a terminal may have
 * nothing for a while; it is then waited for by the loop, so that answers of
 * Redis are heard meanwhile.
 */
#define LINE_MAX_BYTES (1 << 20)

enum lines_state {
	LINES_HAVE, /* a line was given */
	LINES_WAIT, /* none yet; on_more will be called */
	LINES_END,
	LINES_FAILED, /* err says why */
};

struct lines {
	const char *name; /* for messages */
	int fd;
	int flags;      /* of the descriptor, before us */
	bool is_stream; /* may have nothing for a while */
	bool is_at_end, is_waiting;
	struct buf buf;
	size_t pos;     /* of the next line in buf */
	int64_t number; /* of the last line given, from 1 */
	int64_t bytes;  /* given so far */
	int64_t size;   /* of all, or 0 where that is unknown */
	uv_poll_t poll;
	void (*on_more)(void *arg);
	void *arg;
};

int lines_start(struct lines *l, uv_loop_t *loop, const char *path,
		void (*on_more)(void *arg), void *arg, struct error *err);
void lines_stop(struct lines *l); /* the loop must run once more */

/*
 * Gives the next line, without its end; it lives until the next call. Blank
 * lines are passed over.
 */
enum lines_state lines_next(struct lines *l, struct slice *line,
			    struct error *err);

#endif
