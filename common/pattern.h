/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PATTERN_H
#define TREADLE_PATTERN_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * POSIX extended regular expressions from strangers.
 *
 * A pattern of a few bytes can keep regcomp() busy for ever: a{999}{999}.
 * So its repetitions are counted before it is compiled, and back-references,
 * which make matching exponential, are refused. No byte of it is NUL.
 */
#define PATTERN_LEN_MAX 512

int pattern_check(struct slice pattern, struct error *err);

/* A pattern that pattern_check() refuses matches nothing. */
bool pattern_matches(struct slice pattern, struct slice text);

#endif
