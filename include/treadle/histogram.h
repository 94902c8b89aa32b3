/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HISTOGRAM_H
#define TREADLE_HISTOGRAM_H

#include "treadle/base.h"

/*
 * The buckets of all duration histograms, in milliseconds. Workers count
 * attempts in counters named took:<kind>:<bucket> and add their time to
 * took_ms:<kind>; the library counts how late it queued what was due in
 * late:<bucket> and late_ms. "inf" is the last bucket. Not cumulative.
 */
#define HISTOGRAM_BUCKETS(X)                                                   \
	X(1)                                                                   \
	X(5) X(20) X(100) X(500) X(1000) X(5000) X(20000) X(60000) X(300000)

#endif
