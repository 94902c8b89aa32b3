/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_SCAN_DATA_H
#define SIMULATOR_SCAN_DATA_H

#include "parts.h"

/* What is looked at of runs, queues and indexes; number: which of them. */
on_reply_fn scan_stream, scan_pending, scan_consumers; /* the queue */
on_reply_fn scan_run, scan_output, scan_log;           /* its place */
/* Its place, times STEPS_MAX, and the step. */
on_reply_fn scan_items, scan_results;
on_reply_fn scan_index;     /* the state */
on_reply_fn scan_queue_set; /* 1: the paused ones */
on_reply_fn scan_delayed, scan_finished, scan_keys, scan_counters, scan_dead;

/* Says so where a key holds another number of things than it ought to. */
void scan_count(struct world *w, enum invariant id, const char *what,
		size_t got, size_t expected);

#endif
