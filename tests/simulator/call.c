/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *call_name(enum function f)
{
	static const char *const names[] = {
#define FUNCTION(name, access, arguments, text) #name,
#include "treadle/functions.def"
#undef FUNCTION
	};

	return names[f];
}

const char *class_name(enum class class)
{
	static const char *const names[] = {
#define FAILURE(name, text, is_retried, meaning) text,
#include "treadle/failures.def"
#undef FAILURE
	};

	return names[class];
}

bool call_takes_memory(enum function f)
{
	return f == CALL_define || f == CALL_submit || f == CALL_register ||
	       f == CALL_take || f == CALL_expand || f == CALL_signal ||
	       f == CALL_note || f == CALL_retry || f == CALL_fork ||
	       f == CALL_probe;
}

const char *name_run(char text[TEXT_MAX], int run)
{
	snprintf(text, TEXT_MAX, "01k%021d00", run);
	return text;
}

const char *name_step(char text[TEXT_MAX], int step)
{
	if (is_item(step))
		snprintf(text, TEXT_MAX, "%c/%d", 'a' + base_of(step),
			 index_of(step));
	else
		snprintf(text, TEXT_MAX, "%c", 'a' + step);
	return text;
}

const char *name_queue(char text[TEXT_MAX], int queue)
{
	snprintf(text, TEXT_MAX, "q%d", queue);
	return text;
}

const char *name_worker(char text[TEXT_MAX], int worker)
{
	snprintf(text, TEXT_MAX, "w%06d", worker);
	return text;
}

const char *name_coordinator(char text[TEXT_MAX], int coordinator)
{
	snprintf(text, TEXT_MAX, "c%06d", coordinator);
	return text;
}

const char *name_key(char text[TEXT_MAX], int key)
{
	snprintf(text, TEXT_MAX, "key-%d", key);
	return text;
}

const char *name_entry(char text[TEXT_MAX], struct entry entry)
{
	snprintf(text, TEXT_MAX, "%" PRId64 "-%" PRId64, entry.ms, entry.seq);
	return text;
}

const char *name_payload(char text[TEXT_MAX], char kind, uint32_t payload)
{
	text[0] = '\0';
	if (payload >= PAYLOAD_NUMBER) {
		text[0] = (char)(payload & 0xff);
		text[1] = '\0';
		return text;
	}
	/* Some inputs are too long for the hash of their run. */
	if (payload)
		snprintf(text, TEXT_MAX, "%c%08" PRIx32 "%.*s", kind, payload,
			 kind == 'i' && payload % 4 == 0 ? 70 : 0,
			 "......................................"
			 "................................");
	return text;
}

const char *name_cache(char text[TEXT_MAX], int cache)
{
	snprintf(text, TEXT_MAX, "work-%d", cache);
	return text;
}

const char *name_source(char text[TEXT_MAX], int run, int step)
{
	char name[TEXT_MAX];

	snprintf(text, TEXT_MAX, "%.26s/%.8s", name_run(name, run),
		 STEP_NAME(step));
	return text;
}

const char *name_left(char text[TEXT_MAX], const struct left *left)
{
	char output[TEXT_MAX];

	text[0] = '\0';
	if (left->rounds)
		snprintf(text, TEXT_MAX, "%d %d %d %.40s", left->rounds,
			 left->attempts, left->before,
			 name_payload(output, 'r', left->output));
	return text;
}

int number_of_step(const char *text)
{
	int base = text[0] - 'a', index;
	char rest;

	if (text[0] < 'a' || base >= STEPS_MAX)
		return -1;
	if (text[1] == '\0')
		return base;
	if (sscanf(text + 1, "/%d%c", &index, &rest) != 1 || index < 0 ||
	    index >= LIST_MAX)
		return -1;
	return item_of(base, index);
}

int step_compare(int a, int b)
{
	int by_base = base_of(a) - base_of(b);

	return by_base ? by_base : a - b;
}

int entry_compare(struct entry a, struct entry b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.seq < b.seq ? -1 : a.seq > b.seq;
}

bool entry_read(const char *text, struct entry *entry)
{
	char *end;

	entry->ms = strtoll(text, &end, 10);
	if (end == text || *end != '-')
		return false;
	text = end + 1;
	entry->seq = strtoll(text, &end, 10);
	return end != text && (*end == '\0' || *end == ' ');
}

int number_behind(const char *text, size_t letters)
{
	char *end;
	long number;

	if (strlen(text) <= letters)
		return -1;
	number = strtol(text + letters, &end, 10);
	return *end == '\0' ? (int)number : -1;
}

int number_of_run(const char *text)
{
	char *end;
	long number;

	if (strlen(text) != 26 || memcmp(text, "01k", 3) != 0)
		return -1;
	number = strtol(text + 3, &end, 10);
	return *end == '\0' && number % 100 == 0 ? (int)(number / 100) : -1;
}
