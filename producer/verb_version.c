/* SPDX-License-Identifier: MIT */
#include "call.h"

static int run(struct call *c, struct error *err)
{
	(void)err;
	output_printf(&c->out,
		      c->is_json ? "{\"version\":\"%s\"}\n" : "treadle %s\n",
		      TREADLE_VERSION);
	return 0;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_version = {
	.name = "version",
	.args = "",
	.args_max = 0,
	.summary = "print the version of this program",
	.details = "The library in Redis has a version of its own: what a "
		   "program finds too old it replaces, what is newer than "
		   "itself it refuses.",
	.options = options,
	.examples = "treadle version\n"
		    "treadle version --json",
	.run = run,
};
