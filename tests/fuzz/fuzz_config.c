/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "treadle/config.h"

#define ARGS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int make_file(struct slice text, char path[64])
{
	int fd = memfd_create("treadle.yaml", MFD_CLOEXEC);

	must(fd >= 0);
	must(write(fd, text.data, text.len) == (ssize_t)text.len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void explain(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	must(out);
	config_explain(config, CONFIG_WORKER, out);
	fclose(out);
	must(len);
	free(text);
}

/* The first line holds arguments, what follows is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct slice line = slice_cut(&text, '\n');
	char *words[ARGS_MAX], *argv[ARGS_MAX], path[64];
	int count = 0, argc, fd = make_file(text, path);
	struct config *config;
	struct error err = {0};

	while (line.len && count < ARGS_MAX) {
		struct slice word = slice_cut(&line, ' ');

		words[count] = argv[count] = xmemdup(word.data, word.len);
		count++;
	}
	argc = count;
	setenv("TREADLE_CONFIG", path, 1);
	if (config_load(CONFIG_WORKER, &argc, argv, &config, &err) == 0) {
		explain(config);
		config_free(config);
	} else {
		must(err.text[0]);
	}
	must(argc <= count);
	for (int i = 0; i < count; i++)
		free(words[i]);
	close(fd);
	return 0;
}
