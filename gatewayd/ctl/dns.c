/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dns: some devices have a name built in and ask whoever that name leads to. These are the entries that make
 * it lead to the gateway, and the check that it does. The names stand in the plugins' tables. */
#include <string.h>

#include "base/error.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/resolve.h"
#include "ctl/text.h"

typedef struct {
  char *name, *plugin, *help;
} Host;

static void
host_free(gpointer data)
{
  Host *host = data;

  g_free(host->name);
  g_free(host->plugin);
  g_free(host->help);
  g_free(host);
}

/* --- which names --- */

static char *
text_of(GVariant *row, const char *key)
{
  g_autoptr(GVariant) value = g_variant_lookup_value(row, key, NULL);

  return gw_text_value(NULL, value);
}

static gboolean
has_name(const GPtrArray *hosts, const char *name)
{
  for (guint i = 0; i < hosts->len; i++)
    if (strcmp(((const Host *)hosts->pdata[i])->name, name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
add_hosts(GwCtl *ctl, const char *plugin, GPtrArray *hosts, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  g_autoptr(GVariant) rows = NULL;

  if (!gw_ctl_get(ctl, "plugins", plugin, &details, error))
    return FALSE;
  rows = g_variant_lookup_value(details, "hosts", G_VARIANT_TYPE("aa{sv}"));
  for (gsize i = 0; rows && i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    g_autofree char *name = text_of(row, "name");

    if (!has_name(hosts, name))
      g_ptr_array_add(
          hosts,
          g_memdup2(&(Host){ g_steal_pointer(&name), g_strdup(plugin), text_of(row, "help") }, sizeof(Host)));
  }
  return TRUE;
}

static gboolean
add_all_hosts(GwCtl *ctl, GPtrArray *hosts, GError **error)
{
  g_autofree char *cursor = g_strdup("");

  do {
    const GwListOf of = { g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0), "name", 0 };
    g_autoptr(GVariant) rows = NULL;

    if (!gw_ctl_list_page(ctl, "plugins", &of, &cursor, &rows, error))
      return FALSE;
    for (gsize i = 0; i < g_variant_n_children(rows); i++) {
      g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
      g_autofree char *name = text_of(row, "name");

      if (!add_hosts(ctl, name, hosts, error))
        return FALSE;
    }
  } while (*cursor);
  return TRUE;
}

/* Of the plugins named, or of all. */
static GPtrArray *
fetch_hosts(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(host_free);

  if (args->n_operands == 0 && !add_all_hosts(ctl, hosts, error))
    return NULL;
  for (guint i = 0; i < args->n_operands; i++)
    if (!add_hosts(ctl, args->operands[i], hosts, error))
      return NULL;
  if (hosts->len == 0)
    g_printerr("no names need to lead to the gateway: these nodes are told its address\n");
  return g_steal_pointer(&hosts);
}

/* The addresses of the gateway as nodes see them: --address=, else those of this machine. */
static GPtrArray *
gateway_addresses(const GwArgs *args, GError **error)
{
  const char *address = gw_args_text(args, "address", NULL);
  GPtrArray *addresses;

  if (!address)
    return gw_resolve_own_addresses();
  if (!gw_resolve_is_address(address)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "--address=%s: expected an IPv4 address: 192.168.1.2", address);
    return NULL;
  }
  addresses = g_ptr_array_new_with_free_func(g_free);
  g_ptr_array_add(addresses, g_strdup(address));
  return addresses;
}

static char *
join(const GPtrArray *texts)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < texts->len; i++)
    g_string_append_printf(text, "%s%s", i == 0 ? "" : ", ", (const char *)texts->pdata[i]);
  return g_string_free(text, FALSE);
}

/* --- entries --- */

/* host-record alone would let the question for an IPv6 address through to the name's real owner. */
static void
print_dnsmasq(const Host *host, const char *address)
{
  g_print("host-record=%s,%s\nlocal=/%s/\n", host->name, address, host->name);
}

static void
print_unbound(const Host *host, const char *address)
{
  g_print("    local-zone: \"%s.\" static\n    local-data: \"%s. 300 IN A %s\"\n", host->name, host->name,
          address);
}

static void
print_hosts(const Host *host, const char *address)
{
  g_print("%s %s\n", address, host->name);
}

static const struct {
  const char *name, *where, *head;
  void (*print)(const Host *host, const char *address);
} FORMATS[] = {
  { "dnsmasq", "dnsmasq: a file in /etc/dnsmasq.d/, then restart it", "", print_dnsmasq },
  { "unbound", "unbound: a file in /etc/unbound/unbound.conf.d/, then reload it", "server:\n",
    print_unbound },
  { "hosts",
    "hosts: /etc/hosts of a name server that reads it (not of the gateway, which asks the name's owner "
    "itself)",
    "", print_hosts },
};

static void
print_entries(const GPtrArray *hosts, const char *address, const char *format)
{
  for (gsize i = 0; i < G_N_ELEMENTS(FORMATS); i++) {
    if (format && strcmp(FORMATS[i].name, format) != 0)
      continue;
    g_print("%s# %s\n%s", i > 0 && !format ? "\n" : "", FORMATS[i].where, FORMATS[i].head);
    for (guint j = 0; j < hosts->len; j++) {
      const Host *host = hosts->pdata[j];

      if (*host->help)
        g_print("# %s: %s\n", host->plugin, host->help);
      FORMATS[i].print(host, address);
    }
  }
}

static gboolean
check_format(const char *format, GError **error)
{
  for (gsize i = 0; format && i < G_N_ELEMENTS(FORMATS); i++)
    if (strcmp(FORMATS[i].name, format) == 0)
      return TRUE;
  return !format ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "--format=%s: expected dnsmasq, unbound or hosts", format);
}

static gboolean
choose_address(const GPtrArray *addresses, GError **error)
{
  g_autofree char *all = join(addresses);

  if (addresses->len == 1)
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT,
                 "this machine has %s%s; say which one the nodes reach: --address=ADDRESS",
                 addresses->len == 0 ? "no address that others reach" : "several addresses: ", all);
}

static GVariant *
hosts_value(const GPtrArray *hosts)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < hosts->len; i++) {
    const Host *host = hosts->pdata[i];

    g_variant_builder_add_value(&builder, g_variant_new_parsed("{'name': <%s>, 'plugin': <%s>, 'help': <%s>}",
                                                               host->name, host->plugin, host->help));
  }
  return g_variant_builder_end(&builder);
}

static gboolean
run_dns(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *format = gw_args_text(args, "format", NULL);
  g_autoptr(GPtrArray) addresses = NULL;
  g_autoptr(GPtrArray) hosts = NULL;

  if (!check_format(format, error) || !(addresses = gateway_addresses(args, error)) ||
      !choose_address(addresses, error) || !(hosts = fetch_hosts(ctl, args, error)))
    return FALSE;
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'address': <%s>, 'names': <%@aa{sv}>}",
                                           (const char *)addresses->pdata[0], hosts_value(hosts)));
  else if (hosts->len > 0)
    print_entries(hosts, addresses->pdata[0], format);
  return TRUE;
}

/* --- check --- */

typedef struct {
  const GPtrArray *own;
  const char *server;
  GVariantBuilder rows; /* of --json */
  guint n_wrong;
} Check;

static gboolean
leads_here(const Check *check, const GPtrArray *found)
{
  for (guint i = 0; i < found->len; i++)
    if (!g_ptr_array_find_with_equal_func((GPtrArray *)check->own, found->pdata[i], g_str_equal, NULL))
      return FALSE;
  return found->len > 0;
}

static gboolean
check_host(const GwCtl *ctl, Check *check, const Host *host, GError **error)
{
  g_autoptr(GPtrArray) found = gw_resolve(host->name, check->server, error);
  g_autofree char *to = found ? join(found) : NULL;
  gboolean is_well = found && leads_here(check, found);

  if (!found)
    return FALSE;
  check->n_wrong += is_well ? 0 : 1;
  g_variant_builder_add_value(
      &check->rows, g_variant_new_parsed("{'name': <%s>, 'plugin': <%s>, 'address': <%s>, 'is-well': <%b>}",
                                         host->name, host->plugin, to, is_well));
  if (ctl->is_json)
    return TRUE;
  if (is_well)
    g_print("%s leads to the gateway (%s)\n", host->name, to);
  else if (found->len == 0)
    g_print("%s leads nowhere: %s\n", host->name, host->help);
  else
    g_print("%s leads to %s, which is not the gateway alone: %s\n", host->name, to, host->help);
  return TRUE;
}

static gboolean
check_hosts(const GwCtl *ctl, Check *check, const GPtrArray *hosts, GError **error)
{
  for (guint i = 0; i < hosts->len; i++)
    if (!check_host(ctl, check, hosts->pdata[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
run_check(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GPtrArray) addresses = gateway_addresses(args, error);
  g_autoptr(GPtrArray) hosts = addresses ? fetch_hosts(ctl, args, error) : NULL;
  Check check = { .own = addresses, .server = gw_args_text(args, "server", NULL) };
  gboolean is_asked;

  if (!hosts)
    return FALSE;
  g_variant_builder_init(&check.rows, G_VARIANT_TYPE("aa{sv}"));
  is_asked = check_hosts(ctl, &check, hosts, error);
  if (is_asked && ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'names': <%@aa{sv}>}", g_variant_builder_end(&check.rows)));
  else
    g_variant_builder_clear(&check.rows);
  if (!is_asked)
    return FALSE;
  if (!ctl->is_json && !check.server && hosts->len > 0)
    g_printerr(
        "(so says this machine; the nodes may be given another name server: --server=ADDRESS asks it)\n");
  if (check.n_wrong > 0)
    return gw_fail(
        error, GW_ERROR_NOT_FOUND,
        "%u of %u names do not lead to the gateway; put the entries of \"gatewayctl dns\" into the name "
        "server that the nodes are given (by DHCP, or by hand), then restart a node",
        check.n_wrong, hosts->len);
  return TRUE;
}

#define ADDRESS_ARG                                                                                          \
  {                                                                                                          \
    "address", GW_ARG_TEXT, NULL, "ADDRESS", "of the gateway as the nodes reach it; default: this machine's" \
  }

static const GwArg DNS_ARGS[] = {
  ADDRESS_ARG,
  { "format", GW_ARG_TEXT, NULL, "FORMAT", "dnsmasq, unbound or hosts alone" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg CHECK_ARGS[] = {
  ADDRESS_ARG,
  { "server", GW_ARG_TEXT, NULL, "ADDRESS[:PORT]", "ask this name server: the one that the nodes are given" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_dns[] = {
  { "dns", "check", "[PLUGIN...]", 0, G_MAXUINT, CHECK_ARGS,
    "do the names that devices have built in lead here?",
    "Asks for IPv4 addresses, as the devices do. The exit status tells whether all is well.\n\n"
    "  gatewayctl dns check --server=192.168.1.1",
    run_check },
  { "dns", NULL, "[PLUGIN...]", 0, G_MAXUINT, DNS_ARGS, "name server entries for what devices have built in",
    "Without PLUGIN: of every plugin that has such names. \"gatewayctl dns check\" says whether they do lead "
    "to the gateway.\n\n"
    "  gatewayctl dns --format=dnsmasq --address=192.168.1.2 > /etc/dnsmasq.d/gatewayd.conf",
    run_dns },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
