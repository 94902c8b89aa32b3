/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/histogram.h"
#include "treadle/retry.h"
#include "treadle/workflow.h"
#include "answer.h"
#include "coordinator.h"

struct metric {
	const char *name, *type;
	void (*print)(const struct metric *m, jv stats, struct buf *out);
	const char *key, *label, *help;
};

/* --- samples ---------------------------------------------------------------
 */

/* Label values are names of ours: there are no quotes in them. */
static void print_name(const struct metric *m, const char *suffix,
		       const char *label_value, struct buf *out)
{
	buf_addf(out, "treadle_%s%s", m->name, suffix);
	if (*m->label)
		buf_addf(out, "{%s=\"%s\"}", m->label, label_value);
}

static void print_count(int64_t value, struct buf *out)
{
	buf_addf(out, " %" PRId64 "\n", value);
}

static void print_seconds(int64_t ms, struct buf *out)
{
	buf_addf(out, " %.3f\n", (double)ms / 1000);
}

static void print_value(const char *key, int64_t value, struct buf *out)
{
	size_t len = strlen(key);

	if (len > 3 && !strcmp(key + len - 3, "_ms"))
		print_seconds(value, out);
	else
		print_count(value, out);
}

static int64_t counter(jv stats, const char *name)
{
	jv counters = value_get(stats, "counters");
	int64_t value = answer_number(counters, name, 0);

	jv_free(counters);
	return value;
}

/* --- sources ---------------------------------------------------------------
 */

static void print_TOTAL(const struct metric *m, jv stats, struct buf *out)
{
	print_name(m, "", "", out);
	print_value(m->key, counter(stats, m->key), out);
}

static void print_NUMBER(const struct metric *m, jv stats, struct buf *out)
{
	print_name(m, "", "", out);
	print_value(m->key, answer_number(stats, m->key, 0), out);
}

static void print_CLASSES(const struct metric *m, jv stats, struct buf *out)
{
	for (int i = 0; i < FAILURE_COUNT; i++) {
		const char *text = failure_text((enum failure_class)i);
		char name[64];

		snprintf(name, sizeof(name), "%s:%s", m->key, text);
		print_name(m, "", text, out);
		print_value(name, counter(stats, name), out);
	}
}

static void print_STATES(const struct metric *m, jv stats, struct buf *out)
{
	jv states = value_get(stats, m->key);

	if (jv_get_kind(states) == JV_KIND_OBJECT) {
		jv_object_foreach (states, state, count) {
			print_name(m, "", jv_string_value(state), out);
			print_value(m->key,
				    answer_number(states,
						  jv_string_value(state), 0),
				    out);
			jv_free(state);
			jv_free(count);
		}
	}
	jv_free(states);
}

static void print_QUEUES(const struct metric *m, jv stats, struct buf *out)
{
	jv queues = answer_array(stats, "queues");

	jv_array_foreach (queues, i, queue) {
		char *name = answer_text(queue, "queue");
		int64_t is_true = answer_is_true(queue, m->key);

		print_name(m, "", name, out);
		print_value(m->key, answer_number(queue, m->key, is_true), out);
		free(name);
		jv_free(queue);
	}
	jv_free(queues);
}

/* --- histograms ------------------------------------------------------------
 */

static const int bounds_ms[] = {
#define X(ms) ms,
	HISTOGRAM_BUCKETS(X)
#undef X
};

/* One histogram: counters[prefix:<bucket>], its sum counters[sum_ms]. */
struct series {
	const char *prefix, *sum_ms, *label_value;
};

static void print_bucket(const struct metric *m, const struct series *s,
			 const char *bound, int64_t count, struct buf *out)
{
	buf_addf(out, "treadle_%s_bucket{", m->name);
	if (*m->label)
		buf_addf(out, "%s=\"%s\",", m->label, s->label_value);
	buf_addf(out, "le=\"%s\"} %" PRId64 "\n", bound, count);
}

static void print_series(const struct metric *m, const struct series *s,
			 jv stats, struct buf *out)
{
	char name[96], bound[24];
	int64_t count = 0;

	for (size_t i = 0; i < countof(bounds_ms); i++) {
		snprintf(name, sizeof(name), "%s:%d", s->prefix, bounds_ms[i]);
		snprintf(bound, sizeof(bound), "%g", bounds_ms[i] / 1000.0);
		count += counter(stats, name);
		print_bucket(m, s, bound, count, out);
	}
	snprintf(name, sizeof(name), "%s:inf", s->prefix);
	count += counter(stats, name);
	print_bucket(m, s, "+Inf", count, out);
	print_name(m, "_sum", s->label_value, out);
	print_seconds(counter(stats, s->sum_ms), out);
	print_name(m, "_count", s->label_value, out);
	print_count(count, out);
}

static void print_TIMES(const struct metric *m, jv stats, struct buf *out)
{
	char sum[64];

	snprintf(sum, sizeof(sum), "%s_ms", m->key);
	print_series(m, &(struct series){m->key, sum, ""}, stats, out);
}

static void print_KINDS(const struct metric *m, jv stats, struct buf *out)
{
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++) {
		const char *text = step_kind_text((enum step_kind)kind);
		char prefix[64], sum[64];

		snprintf(prefix, sizeof(prefix), "%s:%s", m->key, text);
		snprintf(sum, sizeof(sum), "%s_ms:%s", m->key, text);
		print_series(m, &(struct series){prefix, sum, text}, stats,
			     out);
	}
}

/* --- the page --------------------------------------------------------------
 */

static const struct metric metrics[] = {
#define METRIC(name, type, source, key, label, help)                           \
	{#name, #type, print_##source, key, label, help},
#include "treadle/metrics.def"
#undef METRIC
};

static void print_head(const char *name, const char *type, const char *help,
		       struct buf *out)
{
	buf_addf(out, "# HELP treadle_%s %s\n# TYPE treadle_%s %s\n", name,
		 help, name, type);
}

static void print_own(const struct coordinator *c, bool is_up, struct buf *out)
{
	const struct duty *const duties[] = {&c->timers.duty, &c->reclaim.duty,
					     &c->janitor.duty};

	print_head("build_info", "gauge", "Always 1; what this program is",
		   out);
	buf_addf(out, "treadle_build_info{version=\"%s\"} 1\n",
		 TREADLE_VERSION);
	print_head("redis_up", "gauge", "Whether Redis answers", out);
	buf_addf(out, "treadle_redis_up %d\n", is_up);
	print_head("coordinator_leads", "gauge",
		   "Whether this coordinator leads the role", out);
	for (size_t i = 0; i < countof(duties); i++)
		buf_addf(out, "treadle_coordinator_leads{role=\"%s\"} %d\n",
			 duties[i]->kind->name, is_up && duties[i]->is_leader);
}

void metrics_print(const struct coordinator *c, jv stats, struct buf *out)
{
	bool is_up = jv_get_kind(stats) == JV_KIND_OBJECT;

	print_own(c, is_up, out);
	if (!is_up)
		return;
	for (size_t i = 0; i < countof(metrics); i++) {
		const struct metric *m = &metrics[i];

		print_head(m->name, m->type, m->help, out);
		m->print(m, stats, out);
	}
}
