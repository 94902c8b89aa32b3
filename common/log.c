/* SPDX-License-Identifier: MIT */
#include "treadle/log.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "treadle/clock.h"
#include "treadle/text.h"
#include "treadle/value.h"

/*
 * The log is one of two globals of a program. No memory is asked for per
 * line: a line is put together in `line`, each text in it first in `shown`,
 * where secrets are replaced before anything is escaped, since after that
 * they might not be found. LINE_LEN_MAX has room for all of one line, even
 * if each byte of it has to be escaped; so a line of JSON is never cut.
 */
#define FIELD_LEN_MAX ((size_t)128)
#define NOTE_LEN_MAX ((size_t)4096)
#define LINE_LEN_MAX ((size_t)1 << 15)
#define PENDING_MAX (2 * LINE_LEN_MAX)
#define FLUSH_WAIT_MS 200
#define SECRET_MIN 4      /* a shorter one stands in ordinary words */
#define SECRET_LINE_MIN 8 /* a shorter one may be a mere bracket */
#define REST_MIN ((size_t)6)

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_colours[] = {"\033[31m", "\033[33m", "\033[2m",
					    "\033[2m"};

static struct {
	const char *program;
	enum log_level level;
	bool is_json, is_coloured;
	char worker[64];
	struct buf shown, line;
	char pending[PENDING_MAX];
	size_t pending_len;
} the_log = {
	.program = "treadle",
	.level = LOG_INFO,
	.shown = {.data = (char *)"", .max = 2 * NOTE_LEN_MAX},
	.line = {.data = (char *)"", .max = LINE_LEN_MAX},
};

/* Secrets, the longest first: one may be a part of another. */
static struct {
	struct slice *items;
	size_t count;
} secrets;

/* An abort must not take along what was said just before it. */
static void on_abort(int number)
{
	static const char text[] =
		"aborted; if nothing above says why, a library did that to "
		"which the system refused memory or a descriptor\n";

	(void)number;
	log_flush();
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

void log_start(const char *program, enum log_level level, bool is_json)
{
	const char *term = getenv("TERM");

	the_log.program = program;
	the_log.level = level;
	the_log.is_json = is_json;
	the_log.is_coloured = isatty(STDERR_FILENO) && !getenv("NO_COLOR") &&
			      !(term && slice_is(slice_of(term), "dumb"));
	signal(SIGABRT, on_abort);
}

void log_set_worker(const char *id)
{
	snprintf(the_log.worker, sizeof(the_log.worker), "%s", id);
}

bool log_is_on(enum log_level level)
{
	return level <= the_log.level;
}

/* Secrets */

/* False if it was known. */
static bool add_secret(struct slice new)
{
	size_t i = 0;

	if (!new.len)
		return false;
	for (size_t j = 0; j < secrets.count; j++) {
		if (slice_equal(secrets.items[j], new))
			return false;
	}
	while (i < secrets.count && secrets.items[i].len >= new.len)
		i++;
	new.data = xmemdup(new.data, new.len);
	secrets.items =
		xrealloc(secrets.items, (secrets.count + 1) * sizeof(new));
	memmove(secrets.items + i + 1, secrets.items + i,
		(secrets.count - i) * sizeof(new));
	secrets.items[i] = new;
	secrets.count++;
	return true;
}

/* As it is, and as JSON shows it. */
static bool mask(struct slice secret)
{
	struct buf quoted;

	if (!add_secret(secret))
		return false;
	buf_init(&quoted, 6 * secret.len + 2);
	json_quote(&quoted, secret);
	add_secret((struct slice){quoted.data + 1, quoted.len - 2});
	buf_clear(&quoted);
	return true;
}

static void warn_of_short(void)
{
	static bool is_said;

	if (!is_said)
		log_warn("secret not masked", NULL,
			 "it has fewer than %d characters, which stand in "
			 "ordinary words; this is said once",
			 SECRET_MIN);
	is_said = true;
}

void log_mask(const char *secret)
{
	struct slice rest = slice_of(secret), line;

	if (rest.len < SECRET_MIN) {
		if (rest.len)
			warn_of_short();
		return;
	}
	if (!mask(rest))
		return;
	while (rest.len) {
		line = slice_trim(slice_cut(&rest, '\n'));
		if (line.len >= SECRET_LINE_MIN)
			mask(line);
	}
}

static void redact_one(struct buf *text, struct slice secret)
{
	char *from = text->data, *to = from, *end = from + text->len, *found;
	size_t len;

	while ((found = memmem(from, (size_t)(end - from), secret.data,
			       secret.len))) {
		len = (size_t)(found - from);
		memmove(to, from, len);
		memset(to + len, '*', 3);
		to += len + 3;
		from = found + secret.len;
	}
	if (to == from)
		return;
	len = (size_t)(end - from);
	memmove(to, from, len);
	buf_cut(text, (size_t)(to - text->data) + len);
}

/* The text may have been cut in a secret: its beginning is at the end. */
static void redact_end(struct buf *text, struct slice secret)
{
	char *end = text->data + text->len, *at = text->data;
	size_t len;

	if (secret.len <= REST_MIN)
		return;
	if (text->len >= secret.len)
		at = end - secret.len + 1;
	while ((at = memmem(at, (size_t)(end - at), secret.data, REST_MIN))) {
		len = (size_t)(end - at);
		if (memcmp(at, secret.data, len) == 0) {
			memset(at, '*', 3);
			buf_cut(text, text->len - len + 3);
			return;
		}
		at++;
	}
}

/* Or its end is at the beginning. */
static void redact_beginning(struct buf *text, struct slice secret)
{
	size_t max = text->len < secret.len ? text->len : secret.len - 1, len;
	const char *rest;
	char *at = text->data;

	if (secret.len <= REST_MIN)
		return;
	rest = secret.data + secret.len - REST_MIN;
	while ((at = memmem(at, max - (size_t)(at - text->data), rest,
			    REST_MIN))) {
		len = (size_t)(at - text->data) + REST_MIN;
		if (memcmp(text->data, secret.data + secret.len - len, len) ==
		    0) {
			buf_drop(text, len - 3);
			memset(text->data, '*', 3);
			return;
		}
		at++;
	}
}

void log_redact(struct buf *text)
{
	for (size_t i = 0; i < secrets.count; i++)
		redact_one(text, secrets.items[i]);
	for (size_t i = 0; i < secrets.count; i++) {
		redact_end(text, secrets.items[i]);
		redact_beginning(text, secrets.items[i]);
	}
}

/*
 * A text as it may be shown, until the next call. It is cut after secrets
 * have been replaced, so that no half of one is left at the end.
 */
static struct slice shown(struct slice raw, size_t len_max)
{
	struct buf *b = &the_log.shown;

	buf_reset(b);
	buf_add(b, raw.data, raw.len < b->max ? raw.len : b->max);
	log_redact(b);
	if (b->len > len_max)
		buf_cut(b, len_max);
	return buf_slice(b);
}

/* Lines */

static bool is_bare(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
			return false;
	}
	return s.len > 0;
}

static void add_text(struct buf *line, const char *name, const char *value)
{
	struct slice text = shown(slice_of(value), FIELD_LEN_MAX);

	if (!value)
		return;
	if (the_log.is_json) {
		buf_addf(line, ",\"%s\":", name);
		json_quote(line, text);
	} else if (is_bare(text)) {
		buf_addf(line, " %s=%s", name, text.data);
	} else {
		buf_addf(line, " %s=\"", name);
		text_escape(line, text);
		buf_addc(line, '"');
	}
}

static void add_number(struct buf *line, const char *name, double value)
{
	int decimals = value < 100 && value != floor(value);

	if (value <= 0)
		return;
	if (the_log.is_json)
		buf_addf(line, ",\"%s\":%.*f", name, decimals, value);
	else
		buf_addf(line, " %s=%.*f", name, decimals, value);
}

static void add_fields(struct buf *line, const struct log_fields *f)
{
	const char *worker = the_log.worker[0] ? the_log.worker : NULL;

	if (f) {
		add_text(line, "run", f->run);
		add_text(line, "workflow", f->workflow);
		add_text(line, "step", f->step);
		add_number(line, "attempt", f->attempt);
		add_text(line, "queue", f->queue);
		add_text(line, "class", f->class);
		add_number(line, "duration_ms", f->duration_ms);
	}
	add_text(line, "worker", f && f->worker ? f->worker : worker);
}

static void json_line(struct buf *line, enum log_level level, const char *what,
		      const struct log_fields *about, const char *note)
{
	char time[TIMESTAMP_TEXT_MAX];

	buf_addf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"",
		 timestamp_format(clock_wall_ms(), time), level_names[level],
		 the_log.program);
	add_text(line, "what", what);
	add_fields(line, about);
	if (note[0]) {
		buf_adds(line, ",\"note\":");
		json_quote(line, shown(slice_of(note), NOTE_LEN_MAX));
	}
	buf_adds(line, "}\n");
}

/* Local time: whoever reads this compares it with the clock on the wall. */
static void add_time(struct buf *line)
{
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	buf_addf(line, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)(now % 1000));
}

static void text_line(struct buf *line, enum log_level level, const char *what,
		      const struct log_fields *about, const char *note)
{
	size_t before;

	add_time(line);
	buf_addf(line, " %s%-5s%s ",
		 the_log.is_coloured ? level_colours[level] : "",
		 level_names[level], the_log.is_coloured ? "\033[0m" : "");
	text_escape(line, shown(slice_of(what), FIELD_LEN_MAX));
	before = line->len;
	buf_addc(line, ' ');
	add_fields(line, about);
	if (line->len == before + 1)
		buf_cut(line, before);
	if (note[0]) {
		buf_adds(line, " -- ");
		text_escape(line, shown(slice_of(note), NOTE_LEN_MAX));
	}
	buf_addc(line, '\n');
}

static void append(struct slice line)
{
	if (line.len > PENDING_MAX - the_log.pending_len)
		log_flush();
	memcpy(the_log.pending + the_log.pending_len, line.data, line.len);
	the_log.pending_len += line.len;
}

void log_line(enum log_level level, const char *what,
	      const struct log_fields *about, const char *fmt, ...)
{
	char note[2 * NOTE_LEN_MAX];
	va_list args;

	if (!log_is_on(level))
		return;
	note[0] = '\0';
	if (fmt) {
		va_start(args, fmt);
		vsnprintf(note, sizeof(note), fmt, args);
		va_end(args);
	}
	buf_reset(&the_log.line);
	if (the_log.is_json)
		json_line(&the_log.line, level, what, about, note);
	else
		text_line(&the_log.line, level, what, about, note);
	append(buf_slice(&the_log.line));
	if (level <= LOG_WARN)
		log_flush();
}

static bool wait_writable(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&p, 1, FLUSH_WAIT_MS) > 0;
}

/* What standard error does not take is lost: work goes on without a log. */
void log_flush(void)
{
	size_t at = 0;

	while (at < the_log.pending_len) {
		ssize_t n = write(STDERR_FILENO, the_log.pending + at,
				  the_log.pending_len - at);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EINTR &&
			 !(errno == EAGAIN && wait_writable()))
			break;
	}
	the_log.pending_len = 0;
}
