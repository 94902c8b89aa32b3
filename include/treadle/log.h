/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_LOG_H
#define TREADLE_LOG_H

#include "treadle/base.h"

/*
 * One line for each thing that happened.
 *
 *   12:04:31.207 info  step failed  run=01k... step=ship attempt=2
 *   class=timeout duration_ms=30012 -- tried again in 4s
 *
 * or the same as one JSON object. error: somebody must act. warn: we
 * recovered, look when you can. info: one line per outcome of a run, a step,
 * a worker. debug: everything. Lines are gathered and written to standard
 * error by log_flush(), which a loop calls once each turn; a warning or an
 * error is written at once.
 */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* What a line is about. What is NULL or 0 is left out. */
struct log_fields {
	const char *run, *workflow, *step, *queue, *worker, *class;
	int attempt;
	double duration_ms;
};
#define ABOUT(...) (&(struct log_fields){__VA_ARGS__})

/* program is borrowed for ever. */
void log_start(const char *program, enum log_level level, bool is_json);
void log_set_worker(const char *id); /* stands on every later line; copied */
bool log_is_on(enum log_level level);

/*
 * From now on no line shows this text: it is replaced by "***". Copied. Nor
 * does one show it as JSON would, a line of it that is long enough to tell,
 * or what is left of it where a text was cut. A text of fewer than four
 * characters is not masked, for ordinary words would be; that is logged.
 */
void log_mask(const char *secret);
/*
 * The same replacing, for what is shown elsewhere than in the log. First
 * redact, then escape: what is escaped is not found.
 */
struct buf;
void log_redact(struct buf *text);

/* what: the past tense of one operation, "step done"; fmt may be NULL. */
void log_line(enum log_level level, const char *what,
	      const struct log_fields *about, const char *fmt, ...)
	PRINTF(4, 5);
void log_flush(void);

#define log_error(what, about, ...)                                            \
	log_line(LOG_ERROR, what, about, __VA_ARGS__)
#define log_warn(what, about, ...) log_line(LOG_WARN, what, about, __VA_ARGS__)
#define log_info(what, about, ...)                                             \
	do {                                                                   \
		if (log_is_on(LOG_INFO))                                       \
			log_line(LOG_INFO, what, about, __VA_ARGS__);          \
	} while (0)
#define log_debug(what, about, ...)                                            \
	do {                                                                   \
		if (log_is_on(LOG_DEBUG))                                      \
			log_line(LOG_DEBUG, what, about, __VA_ARGS__);         \
	} while (0)

#endif
