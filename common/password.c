/* SPDX-License-Identifier: MIT */
#include "password.h"

#include <stdio.h>
#include <string.h>

#include "treadle/log.h"

int password_read(const char *path, const char *flag, char text[PASSWORD_MAX],
		  struct error *err)
{
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, PASSWORD_MAX - 1, file) : 0;

	if (file)
		fclose(file);
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!*text)
		return error_set(err, ERR_USAGE, "%s the file %s, named by %s",
				 file ? "no password in" : "cannot read", path,
				 flag);
	log_mask(text);
	return 0;
}
