/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A rule entered as a form, key by key: the same document that others write as a file. Pure. */
#pragma once
#include "model/rule-form.h"

/* @form: a{sv}, see CreateRule. NULL = BAD_INPUT, naming the key or the path. */
GwRule *gw_rule_from_form(GVariant *form, GError **error);
