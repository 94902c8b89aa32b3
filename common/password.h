/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PASSWORD_H
#define TREADLE_PASSWORD_H

#include "treadle/base.h"

/*
 * A password in a file of its own: its first line, without the line's end.
 *
 * It is read whenever it is needed, so that a changed one is found, and no
 * line of the log shows it from then on. flag: names the option that names
 * the file. Errors: USAGE, if there is no file, or nothing in it.
 */
#define PASSWORD_MAX 1024
int password_read(const char *path, const char *flag, char text[PASSWORD_MAX],
		  struct error *err);

#endif
