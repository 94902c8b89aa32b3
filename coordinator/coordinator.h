/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_COORDINATOR_H
#define TREADLE_COORDINATOR_H

#include <uv.h>

#include "treadle/config.h"
#include "treadle/crypto.h"
#include "treadle/log.h"
#include "treadle/store.h"
#include "janitor.h"
#include "reclaim.h"
#include "rewrite.h"
#include "routes.h"
#include "timers.h"

/*
 * The coordinator: it moves time forward, and tells how things are.
 *
 * All that it does is a timed call of a library function, or a read-only
 * answer; it holds nothing that must outlive it. Its parts know one another
 * through this struct.
 */
struct coordinator {
	uv_loop_t *loop;
	const struct config *config;
	char id[WORKER_ID_LEN + 1];
	int64_t patience_ms; /* how long one call of a duty is tried */

	struct store *store;
	struct timers timers;
	struct reclaim reclaim;
	struct janitor janitor;
	struct rewrite rewrite;
	struct routes routes;
	struct http *http; /* NULL where it listens to nobody */

	bool is_stopping;
	int goodbyes;  /* what must still be answered before the store stops */
	int exit_code; /* when the loop has ended */
};

/*
 * Borrows loop and config. On success the loop keeps turning until
 * coordinator_stop(), which it may call itself, with an exit_code, when the
 * store can never be used.
 */
int coordinator_start(struct coordinator *c, uv_loop_t *loop,
		      const struct config *config, struct error *err);
/* Asynchronous and idempotent; the loop is empty of ours afterwards. */
void coordinator_stop(struct coordinator *c);

/* Puts off the end of the store until as many _done() as _wait(). */
void coordinator_goodbye_wait(struct coordinator *c);
void coordinator_goodbye_done(struct coordinator *c);

#endif
