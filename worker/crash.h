/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CRASH_H
#define TREADLE_CRASH_H

/*
 * Named points at which a test can have the worker die, as kill -9 would.
 *
 * TREADLE_CRASH_AT=POINT[:N] ends the process at the N-th passing of POINT;
 * TREADLE_HANG_AT makes it stand still there, for the watchdog to find.
 * The points: after-read, after-take, before-start, before-VERB,
 * after-VERB-sent and after-VERB for the verbs complete, fail, defer and
 * release; before-recall, after-recall, before-remember, after-blob. They
 * exist in the test build only.
 */
#ifdef TREADLE_TEST
void crash_point(const char *name);
/* prefix and suffix around a name that is made at run time */
void crash_point_of(const char *prefix, const char *name, const char *suffix);
/* The same, with the next turn: what was said by then is on its way. */
void crash_later(const char *prefix, const char *name, const char *suffix);
void crash_turn(void);
#else
#define crash_point(name) ((void)0)
#define crash_point_of(prefix, name, suffix) ((void)0)
#define crash_later(prefix, name, suffix) ((void)0)
#define crash_turn() ((void)0)
#endif

#endif
