/* SPDX-License-Identifier: MIT */
#include "../../common/resp.h"

/*
 * Whatever a server says, in whatever pieces, is read without harm; and the
 * pieces make no difference.
 */
static size_t weigh(const struct reply *reply)
{
	size_t weight = 1 + reply->text.len;

	for (size_t i = 0; i < reply->text.len; i++)
		weight += (unsigned char)reply->text.data[i];
	for (size_t i = 0; i < reply->count; i++)
		weight += weigh(&reply->items[i]);
	return weight;
}

/* Returns a sum over all replies, and whether all was acceptable. */
static size_t read_all(struct slice bytes, size_t piece, bool *is_good)
{
	struct resp_reader *r = resp_reader_new();
	const struct reply *reply;
	struct error err;
	size_t weight = 0;
	int got = 0;

	while (bytes.len && got >= 0) {
		size_t len = piece < bytes.len ? piece : bytes.len;

		resp_reader_feed(r, (struct slice){bytes.data, len});
		bytes.data += len;
		bytes.len -= len;
		while ((got = resp_reader_next(r, &reply, &err)) > 0)
			weight = weight * 31 + weigh(reply);
	}
	resp_reader_free(r);
	*is_good = got >= 0;
	return weight;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	bool is_good, is_good_too;
	size_t weight;

	if (size == 0)
		return 0;
	weight = read_all(bytes, size, &is_good);
	must(read_all(bytes, 1 + data[size - 1] % 7, &is_good_too) == weight);
	must(is_good == is_good_too);
	return 0;
}
