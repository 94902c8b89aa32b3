/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CLOCK_H
#define TREADLE_CLOCK_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Time.
 *
 * What is measured inside a process is monotonic. What outlives a process is
 * Redis' clock, read by the library, in milliseconds since the epoch. The
 * wall clock of this machine serves only to print and to make ids.
 */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
int64_t clock_wall_ms(void);

/*
 * "250ms", "30s", "5m", "1h30m", "7d": numbers with units, largest first, no
 * blanks; a bare 0 is allowed. Returns 0, or -1 if malformed or over a year
 * times ten.
 */
int duration_parse(struct slice text, int64_t *ms);
#define DURATION_TEXT_MAX 32
/* The exact form that duration_parse() reads, "1h30m"; returns text. */
const char *duration_format(int64_t ms, char text[DURATION_TEXT_MAX]);
/* For people, two units at the most: "350ms", "4.2s", "3m 5s", "2d 4h". */
const char *duration_human(int64_t ms, char text[DURATION_TEXT_MAX]);

/* "2026-03-01T12:00:00Z", with fraction or "+01:00" too; -1 if malformed. */
int timestamp_parse(struct slice text, int64_t *ms);
#define TIMESTAMP_TEXT_MAX 32
/* In UTC with milliseconds: "2026-03-01T12:00:00.250Z"; returns text. */
const char *timestamp_format(int64_t ms, char text[TIMESTAMP_TEXT_MAX]);

/* "4096", "64KiB", "4MiB", "1GiB" (K, M, G too, all powers of 1024). */
int size_parse(struct slice text, int64_t *bytes);
const char *size_format(int64_t bytes, char text[DURATION_TEXT_MAX]);

#endif
