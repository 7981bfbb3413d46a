/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The form of messages that come by the thousand: the fields of a record, one behind the other, each as its
 * place in the table, its size and its bytes. What is zero, NULL or empty is not sent; places beyond the
 * table are passed over. A place never changes its meaning, so new fields are added at the end. Both ends are
 * on one machine: its own byte order. Private to link. */
#pragma once
#include "link/fields.h"

/* Floating ay. Text that is not UTF-8 is made so. STRING, INT, U32, I64, U64, BOOLEAN, BYTES, VARIANT and
 * STRUCT only. */
GVariant *gw_packed_pack(const GwField *fields, gconstpointer record);
/* @ret_record of @size bytes is untouched on failure; on success it owns everything in it. */
gboolean gw_packed_unpack(GVariant *payload, const GwField *fields, gsize size, gpointer ret_record);
