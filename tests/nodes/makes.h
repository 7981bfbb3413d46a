/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The makes that gateway-nodes can play, as data: which program, how it is told where the gateway is, what
 * its identity looks like, and the images that it boots. */
#pragma once
#include <glib.h>

/* In @options {gateway}, {port}, {name}, {argument}, and {number}, which counts the node in decimal with at
 * least two digits, are replaced. */
typedef struct {
  const char *word, *program, *help;
  const char *argument;   /* what may follow "MAKE:", for people; NULL = nothing */
  const char *needs;      /* keys that must be given, with commas; "" = none */
  int port;               /* of the gateway's default configuration; 0 = none, a serial line at {argument} */
  const char *options[8]; /* ends with NULL */
  const char *sleep_option; /* takes milliseconds; NULL = the node does not ask by itself */
  const char *lie;          /* the value of --lie with which it comes back as what it was */
  const char *magic;        /* its image begins with that; NULL = it boots any bytes */
} Make;

/* Ends with a row whose word is NULL. */
extern const Make MAKES[];

const Make *make_find(const char *word);

/* A text for a person: every make in a line of at most 80 characters. Caller frees. */
char *makes_list(void);

/* @template with its {words} replaced from @names and @values, which end with NULL. Caller frees. */
char *make_fill(const char *template, const char *const *names, const char *const *values);

/* An image of @size bytes that a node of the make boots and then says to be @version. */
GBytes *make_image(const Make *make, const char *version, gsize size);
