/* SPDX-License-Identifier: MIT */
#include "notes.h"

#include <string.h>

#include "treadle/log.h"

#define COMPLAINTS_MAX 10
#define MESSAGE_MAX 200
#define EXCERPT_MAX 80
#define COSTS_MAX 16

static void complain(struct notes *n, const char *what, struct slice line)
{
	struct buf text, excerpt;

	if (++n->complaints > COMPLAINTS_MAX)
		return;
	buf_init(&excerpt, EXCERPT_MAX);
	buf_add(&excerpt, line.data,
		line.len < EXCERPT_MAX ? line.len : EXCERPT_MAX);
	log_redact(&excerpt);
	buf_init(&text, 1024);
	buf_addf(&text, "treadle: descriptor 3: %s: ", what);
	text_escape(&text, buf_slice(&excerpt));
	buf_adds(&text, "\n");
	attempt_log(n->attempt, buf_slice(&text));
	buf_clear(&text);
	buf_clear(&excerpt);
}

/* Without secrets; a long message is cut between characters. */
static jv shown_message(struct slice message)
{
	struct buf text;
	size_t len = MESSAGE_MAX;
	jv shown;

	buf_init(&text, NOTES_LINE_MAX);
	buf_add(&text, message.data, message.len);
	log_redact(&text);
	if (text.len > len) {
		while (((unsigned char)text.data[len] & 0xc0) == 0x80)
			len--;
		buf_cut(&text, len);
	}
	shown = jv_string_sized(text.data, (int)text.len);
	buf_clear(&text);
	return shown;
}

static bool read_progress(struct notes *n, jv note)
{
	jv progress = value_get(note, "progress");
	jv message = value_get(note, "message");
	jv shown = jv_object();
	double part = -1;

	if (jv_get_kind(progress) == JV_KIND_NUMBER)
		part = jv_number_value(progress);
	if (part >= 0 && part <= 1)
		shown = jv_object_set(shown, jv_string("progress"),
				      jv_copy(progress));
	if (value_is_text(message))
		shown = jv_object_set(shown, jv_string("message"),
				      shown_message(value_text(message)));
	jv_free(progress);
	jv_free(message);
	if (jv_object_length(jv_copy(shown)) == 0) {
		jv_free(shown);
		return false;
	}
	attempt_progress(n->attempt, shown);
	return true;
}

static bool is_cost(jv cost)
{
	bool is_fine = jv_get_kind(cost) == JV_KIND_OBJECT &&
		       jv_object_length(jv_copy(cost)) <= COSTS_MAX;

	if (!is_fine)
		return false;
	jv_object_foreach (cost, name, value) {
		is_fine = is_fine && jv_get_kind(value) == JV_KIND_NUMBER &&
			  jv_string_length_bytes(jv_copy(name)) <= 64;
		jv_free(name);
		jv_free(value);
	}
	return is_fine;
}

static bool read_members(struct notes *n, jv note)
{
	jv checkpoint = value_get(note, "checkpoint");
	jv cost = value_get(note, "cost");
	bool is_known = read_progress(n, note);

	if (jv_is_valid(checkpoint)) {
		attempt_memo(n->attempt, jv_copy(checkpoint));
		is_known = true;
	}
	if (is_cost(cost)) {
		attempt_cost(n->attempt, jv_copy(cost));
		is_known = true;
	}
	jv_free(checkpoint);
	jv_free(cost);
	return is_known;
}

static void read_line(struct notes *n, struct slice line)
{
	struct error err;
	jv note;

	line = slice_trim(line);
	if (!line.len)
		return;
	if (json_parse(line, &note, &err) < 0) {
		complain(n, "not JSON", line);
		return;
	}
	if (!read_members(n, note))
		complain(n, "no progress, message, checkpoint or cost", line);
	jv_free(note);
}

void notes_init(struct notes *n, struct attempt *a)
{
	*n = (struct notes){.attempt = a};
	buf_init(&n->line, NOTES_LINE_MAX);
}

static void add(struct notes *n, struct slice part)
{
	if (n->is_skipping || buf_add(&n->line, part.data, part.len) == 0)
		return;
	complain(n, "a line of more than 256 KiB", buf_slice(&n->line));
	buf_clear(&n->line);
	n->is_skipping = true;
}

void notes_read(struct notes *n, struct slice bytes)
{
	const char *end;

	while ((end = memchr(bytes.data, '\n', bytes.len))) {
		size_t len = (size_t)(end - bytes.data);

		add(n, (struct slice){bytes.data, len});
		if (!n->is_skipping)
			read_line(n, buf_slice(&n->line));
		n->is_skipping = false;
		buf_reset(&n->line);
		bytes.data += len + 1;
		bytes.len -= len + 1;
	}
	add(n, bytes);
}

void notes_clear(struct notes *n)
{
	if (!n->is_skipping)
		read_line(n, buf_slice(&n->line));
	buf_clear(&n->line);
}
