/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Durations, sizes, timestamps: what is read can be written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = {(const char *)data, size};
	char text[DURATION_TEXT_MAX], stamp[TIMESTAMP_TEXT_MAX];
	int64_t n, again;

	if (duration_parse(s, &n) == 0) {
		must(duration_parse(slice_of(duration_format(n, text)),
				    &again) == 0);
		must(n == again);
		must(duration_human(n, text)[0]);
	}
	if (size_parse(s, &n) == 0) {
		must(size_parse(slice_of(size_format(n, text)), &again) == 0);
		must(n == again);
	}
	if (timestamp_parse(s, &n) == 0) {
		must(timestamp_parse(slice_of(timestamp_format(n, stamp)),
				     &again) == 0);
		must(n == again);
	}
	return 0;
}
