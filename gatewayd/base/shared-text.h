/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts that thousands of values have in common, such as the product of a node: equal ones are held once.
 * They are const, so that nobody frees or changes what others hold. Any thread. */
#pragma once
#include <glib.h>

/* @text: NULL, or set here before. Sets it to @value. TRUE = it says something else now. */
gboolean gw_shared_text_set(const char **text, const char *value);
void gw_shared_text_clear(const char **text);
