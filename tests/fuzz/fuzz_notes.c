/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "../../worker/notes.h"

/*
 * Whatever a program says on descriptor 3, in whatever pieces, is read without
 * harm; the pieces make no difference; and what is heard is as notes.h says.
 */
struct listener {
	struct attempt attempt;
	struct buf heard;
};

static struct buf *heard(struct attempt *a)
{
	return &((struct listener *)a)->heard;
}

static void hear(struct attempt *a, const char *what, jv note)
{
	buf_adds(heard(a), what);
	must(jv_is_valid(note));
	must(json_print(note, heard(a)) == 0);
	jv_free(note);
}

void attempt_progress(struct attempt *a, jv progress)
{
	jv part = value_get(progress, "progress");
	jv message = value_get(progress, "message");

	must(jv_is_valid(part) || jv_is_valid(message));
	if (jv_is_valid(part))
		must(jv_number_value(part) >= 0 && jv_number_value(part) <= 1);
	if (jv_is_valid(message))
		must(text_is_utf8(value_text(message)));
	jv_free(part);
	jv_free(message);
	hear(a, "progress ", progress);
}

void attempt_memo(struct attempt *a, jv memo)
{
	hear(a, "memo ", memo);
}

void attempt_cost(struct attempt *a, jv cost)
{
	must(jv_get_kind(cost) == JV_KIND_OBJECT);
	hear(a, "cost ", cost);
}

void attempt_log(struct attempt *a, struct slice bytes)
{
	must(bytes.len && bytes.data[bytes.len - 1] == '\n');
	for (size_t i = 0; i + 1 < bytes.len; i++)
		must((unsigned char)bytes.data[i] >= ' ');
	buf_add(heard(a), bytes.data, bytes.len);
}

static void read_all(struct listener *l, struct slice bytes, size_t piece)
{
	struct notes notes;

	buf_init(&l->heard, SIZE_MAX / 4);
	notes_init(&notes, &l->attempt);
	while (bytes.len) {
		size_t len = piece < bytes.len ? piece : bytes.len;

		notes_read(&notes, (struct slice){bytes.data, len});
		bytes.data += len;
		bytes.len -= len;
	}
	notes_clear(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	struct listener whole = {0}, pieces = {0};

	if (size == 0)
		return 0;
	read_all(&whole, bytes, size);
	read_all(&pieces, bytes, 1 + data[size - 1] % 7);
	must(slice_equal(buf_slice(&whole.heard), buf_slice(&pieces.heard)));
	buf_clear(&whole.heard);
	buf_clear(&pieces.heard);
	return 0;
}
