/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "treadle/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A first byte that is no msgpack map sends the rest through the YAML
 * reader, all else through the reader of the stored form. What the first
 * accepts, the second must read the same.
 */
static void parse(struct slice yaml)
{
	struct workflow *w, *again;
	struct error err;

	/* jq compiles in 20 ms: texts with pipes would make this a crawl. */
	if (memchr(yaml.data, '|', yaml.len))
		return;
	if (workflow_parse(yaml, "fuzz.yaml", &w, &err) != 0)
		return;
	must(workflow_decode(w->canonical, &again, &err) == 0);
	must(strcmp(w->digest, again->digest) == 0);
	must(slice_equal(w->graph, again->graph));
	workflow_free(again);
	workflow_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	struct workflow *w;
	struct error err;

	if (size && (data[0] & 0xf0) != 0x80)
		parse(bytes);
	else if (workflow_decode(bytes, &w, &err) == 0)
		workflow_free(w);
	return 0;
}
