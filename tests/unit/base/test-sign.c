/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The openssl tool makes the keys and the other half of every signature: what our code alone agrees upon with
 * itself would prove little to a cloud that signs with something else. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/sign.h"

static const char message[] = "{\"sequence\": 7}\n";
static char *folder;

static char *
path_of(const char *name, const char *suffix)
{
  return g_strconcat(folder, "/", name, suffix, NULL);
}

/* Runs "openssl ..." in the folder; blanks separate arguments. */
static gboolean openssl(const char *format, ...) G_GNUC_PRINTF(1, 2);
static gboolean
openssl(const char *format, ...)
{
  g_autofree char *arguments = NULL;
  g_autofree char *line = NULL;
  g_auto(GStrv) argv = NULL;
  g_autoptr(GError) error = NULL;
  va_list args;
  int status;

  va_start(args, format);
  arguments = g_strdup_vprintf(format, args);
  va_end(args);
  line = g_strconcat("openssl ", arguments, NULL);
  argv = g_strsplit(line, " ", -1);
  g_spawn_sync(folder, argv, NULL,
               G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
               NULL, NULL, &status, &error);
  g_assert_no_error(error);
  return g_spawn_check_wait_status(status, NULL);
}

static char *
slurp(const char *name, const char *suffix, gsize *ret_size)
{
  g_autofree char *path = path_of(name, suffix);
  g_autoptr(GError) error = NULL;
  char *data;

  g_file_get_contents(path, &data, ret_size, &error);
  g_assert_no_error(error);
  return data;
}

static void
spill(const char *name, const char *suffix, const void *data, gsize size)
{
  g_autofree char *path = path_of(name, suffix);

  g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void
make_key(const char *name, const char *options)
{
  g_assert_true(openssl("genpkey %s -out %s.key", options, name));
  g_assert_true(openssl("pkey -in %s.key -pubout -out %s.pub", name, name));
}

static gboolean
add(GwKeyring *keyring, const char *name, GError **error)
{
  g_autofree char *pem = NULL;
  gsize size;

  pem = slurp(name, ".pub", &size);
  return gw_keyring_add(keyring, name, pem, size, NULL, error);
}

static GwKeyring *
keyring_of(const char *name)
{
  g_autoptr(GwKeyring) keyring = gw_keyring_new();

  g_assert_true(add(keyring, name, NULL));
  return g_steal_pointer(&keyring);
}

static char *
sign_with(const char *name, const void *data, gsize size)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *pem = NULL;
  gsize pem_size;
  char *signature;

  pem = slurp(name, ".key", &pem_size);
  signature = gw_sign(pem, pem_size, data, size, &error);
  g_assert_no_error(error);
  return signature;
}

static gboolean
verifies(const GwKeyring *keyring, const void *data, gsize size, const char *signature)
{
  g_autoptr(GError) error = NULL;
  guint key = 4242;
  gboolean is_good = gw_keyring_verify(keyring, data, size, signature, strlen(signature), &key, &error);

  if (is_good)
    g_assert_cmpuint(key, <, gw_keyring_size(keyring));
  else {
    g_assert_error(error, GW_ERROR, GW_ERROR_UNTRUSTED);
    g_assert_cmpuint(key, ==, 4242);
  }
  return is_good;
}

typedef struct {
  const char *name, *other;
  const char *sign, *check; /* as an operator would with the tool: message -> raw, raw -> exit status */
} Algorithm;

#define PSS "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
static const Algorithm algorithms[] = {
  { "ed25519", "ed25519-b", "pkeyutl -sign -rawin -inkey ed25519.key -in message -out raw",
    "pkeyutl -verify -rawin -pubin -inkey ed25519.pub -in message -sigfile raw" },
  { "p256", "p256-b", "dgst -sha256 -sign p256.key -out raw message",
    "dgst -sha256 -verify p256.pub -signature raw message" },
  { "rsa", "rsa-b", "dgst -sha256 " PSS " -sign rsa.key -out raw message",
    "dgst -sha256 " PSS " -verify rsa.pub -signature raw message" },
};

static void
test_round_trip(gconstpointer data)
{
  const Algorithm *a = data;
  g_autoptr(GwKeyring) own = keyring_of(a->name);
  g_autoptr(GwKeyring) wrong = keyring_of(a->other);
  g_autofree char *signature = sign_with(a->name, message, sizeof message);
  g_autofree char *by_other = sign_with(a->other, message, sizeof message);

  g_assert_true(g_str_has_suffix(signature, "\n"));
  g_assert_true(verifies(own, message, sizeof message, signature));
  g_assert_false(verifies(wrong, message, sizeof message, signature));
  g_assert_false(verifies(own, message, sizeof message, by_other));
  g_assert_false(verifies(own, message, sizeof message - 1, signature));
  g_assert_false(verifies(own, "", 0, signature));
}

/* Every bit of the message, and of the signature. */
static void
test_flipped_bits(gconstpointer data)
{
  const Algorithm *a = data;
  g_autoptr(GwKeyring) keyring = keyring_of(a->name);
  g_autofree char *signature = sign_with(a->name, message, sizeof message);
  g_autofree guint8 *raw = NULL;
  char flipped[sizeof message];
  gsize raw_size;

  for (gsize bit = 0; bit < 8 * sizeof message; bit++) {
    memcpy(flipped, message, sizeof message);
    flipped[bit / 8] ^= (char)(1 << bit % 8);
    g_assert_false(verifies(keyring, flipped, sizeof flipped, signature));
  }
  raw = g_base64_decode(signature, &raw_size);
  for (gsize bit = 0; bit < 8 * raw_size; bit++) {
    g_autofree char *text = NULL;

    raw[bit / 8] ^= (guint8)(1 << bit % 8);
    text = g_base64_encode(raw, raw_size);
    g_assert_false(verifies(keyring, message, sizeof message, text));
    raw[bit / 8] ^= (guint8)(1 << bit % 8);
  }
}

static void
test_against_the_tool(gconstpointer data)
{
  const Algorithm *a = data;
  g_autoptr(GwKeyring) keyring = keyring_of(a->name);
  g_autofree char *raw = NULL, *text = NULL, *signature = NULL;
  g_autofree guint8 *decoded = NULL;
  gsize size;

  spill("message", "", message, sizeof message);
  g_assert_true(openssl("%s", a->sign));
  raw = slurp("raw", "", &size);
  text = g_base64_encode((const guchar *)raw, size);
  g_assert_true(verifies(keyring, message, sizeof message, text));

  signature = sign_with(a->name, message, sizeof message);
  decoded = g_base64_decode(signature, &size);
  spill("raw", "", decoded, size);
  g_assert_true(openssl("%s", a->check));
  decoded[size - 1] ^= 1;
  spill("raw", "", decoded, size);
  g_assert_false(openssl("%s", a->check));
}

/* For Ed25519 the message is the digest itself; for the others it is the same signature as over the message.
 */
static void
test_over_a_digest(gconstpointer data)
{
  const Algorithm *a = data;
  gboolean is_ed25519 = g_str_has_prefix(a->name, "ed25519");
  g_autoptr(GwKeyring) keyring = keyring_of(a->name);
  g_autofree char *signature = NULL;
  guint8 sha256[32];
  guint key;

  gw_sha256(message, sizeof message, sha256);
  signature = is_ed25519 ? sign_with(a->name, sha256, 32) : sign_with(a->name, message, sizeof message);
  g_assert_true(gw_keyring_verify_sha256(keyring, sha256, signature, strlen(signature), &key, NULL));
  sha256[0] ^= 1;
  g_assert_false(gw_keyring_verify_sha256(keyring, sha256, signature, strlen(signature), &key, NULL));
}

/* The key decides the scheme: PKCS#1 v1.5 or another salt is not PSS. */
static void
test_other_rsa_schemes(void)
{
  static const char *const schemes[] = {
    "dgst -sha256 -sign rsa.key -out raw message",
    "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -sign rsa.key -out raw message",
    "dgst -sha1 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign rsa.key -out raw message",
  };
  g_autoptr(GwKeyring) keyring = keyring_of("rsa");

  spill("message", "", message, sizeof message);
  for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
    g_autofree char *raw = NULL, *text = NULL;
    gsize size;

    g_assert_true(openssl("%s", schemes[i]));
    raw = slurp("raw", "", &size);
    text = g_base64_encode((const guchar *)raw, size);
    g_assert_false(verifies(keyring, message, sizeof message, text));
  }
}

static void
test_keys_that_are_refused(void)
{
  static const char *const names[] = { "rsa-1024", "p384", "ed448", "x25519", "rsa-pss" };
  g_autoptr(GwKeyring) keyring = gw_keyring_new();
  g_autoptr(GError) junk = NULL, private = NULL;
  g_autofree char *pem = NULL;
  gsize size;

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autoptr(GError) error = NULL;

    g_assert_false(add(keyring, names[i], &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
    g_assert_true(g_str_has_prefix(error->message, "key "));
  }
  g_assert_false(gw_keyring_add(keyring, "junk", "hello", 5, NULL, &junk));
  g_assert_error(junk, GW_ERROR, GW_ERROR_BAD_INPUT);
  pem = slurp("ed25519", ".key", &size);
  g_assert_false(gw_keyring_add(keyring, "private", pem, size, NULL, &private));
  g_assert_error(private, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpuint(gw_keyring_size(keyring), ==, 0);
  g_assert_false(verifies(keyring, message, sizeof message, "AAAA"));
}

static void
test_the_same_key_twice(void)
{
  g_autoptr(GwKeyring) keyring = keyring_of("p256");
  g_autoptr(GError) error = NULL;

  g_assert_true(add(keyring, "p256-b", NULL));
  g_assert_false(add(keyring, "p256", &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_EXISTS);
}

static void
test_scopes(void)
{
  static const char *const meters[] = { "meter-*", "valve", NULL };
  static const char *const none[] = { NULL };
  g_autoptr(GwKeyring) keyring = gw_keyring_new();
  g_autofree char *ed = NULL, *ed_b = NULL, *signature = NULL;
  gsize size;
  guint key;

  ed = slurp("ed25519", ".pub", &size);
  g_assert_true(gw_keyring_add(keyring, "meters", ed, size, meters, NULL));
  ed_b = slurp("ed25519-b", ".pub", &size);
  g_assert_true(gw_keyring_add(keyring, "nothing", ed_b, size, none, NULL));
  g_assert_true(add(keyring, "p256", NULL));

  g_assert_true(gw_keyring_key_allows(keyring, 0, "meter-7"));
  g_assert_true(gw_keyring_key_allows(keyring, 0, "valve"));
  g_assert_false(gw_keyring_key_allows(keyring, 0, "valves"));
  g_assert_false(gw_keyring_key_allows(keyring, 0, "my-meter-7"));
  g_assert_false(gw_keyring_key_allows(keyring, 1, "valve"));
  g_assert_true(gw_keyring_key_allows(keyring, 2, "anything"));
  g_assert_cmpstr(gw_keyring_key_name(keyring, 1), ==, "nothing");

  signature = sign_with("p256", message, sizeof message);
  g_assert_true(
      gw_keyring_verify(keyring, message, sizeof message, signature, strlen(signature), &key, NULL));
  g_assert_cmpuint(key, ==, 2);
}

static void
test_signature_text(void)
{
  g_autoptr(GwKeyring) keyring = keyring_of("ed25519");
  g_autofree char *good = g_strchomp(sign_with("ed25519", message, sizeof message));
  g_autofree char *folded = g_strdup_printf("  %.40s\r\n\t%s\n\n", good, good + 40);
  g_autofree char *junk = g_strdup_printf("%.40s!%s", good, good + 40);
  g_autofree char *doubled = g_strconcat(good, good, NULL);
  g_autofree char *padded = g_strconcat(good, "====", NULL);
  g_autofree char *huge = g_strnfill(1 << 20, 'A');

  g_assert_true(verifies(keyring, message, sizeof message, good));
  g_assert_true(verifies(keyring, message, sizeof message, folded));
  g_assert_false(verifies(keyring, message, sizeof message, junk));
  g_assert_false(verifies(keyring, message, sizeof message, doubled));
  g_assert_false(verifies(keyring, message, sizeof message, padded));
  g_assert_false(verifies(keyring, message, sizeof message, huge));
  g_assert_false(verifies(keyring, message, sizeof message, good + 1));
  g_assert_false(verifies(keyring, message, sizeof message, ""));
  g_assert_false(verifies(keyring, message, sizeof message, "===="));
}

/* Must fail, and must not ask the terminal for a password. */
static void
test_an_encrypted_private_key(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *pem = NULL;
  gsize size;

  g_assert_true(openssl("pkey -in ed25519.key -aes256 -passout pass:secret -out locked.key"));
  pem = slurp("locked", ".key", &size);
  g_assert_null(gw_sign(pem, size, message, sizeof message, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
}

static void
add_for_each(const char *name, GTestDataFunc function)
{
  for (guint i = 0; i < G_N_ELEMENTS(algorithms); i++) {
    g_autofree char *path = g_strdup_printf("/sign/%s/%s", algorithms[i].name, name);

    g_test_add_data_func(path, &algorithms[i], function);
  }
}

static void
make_keys(void)
{
  make_key("ed25519", "-algorithm ed25519");
  make_key("ed25519-b", "-algorithm ed25519");
  make_key("ed448", "-algorithm ed448");
  make_key("x25519", "-algorithm x25519");
  make_key("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  make_key("p256-b", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  make_key("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384");
  make_key("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  make_key("rsa-b", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  make_key("rsa-1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
  make_key("rsa-pss", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048");
}

static void
remove_folder(void)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(dir))) {
    g_autofree char *path = path_of(name, "");

    g_assert_cmpint(g_unlink(path), ==, 0);
  }
  g_assert_cmpint(g_rmdir(folder), ==, 0);
  g_free(folder);
}

int
main(int argc, char **argv)
{
  int status;

  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("gw-sign-XXXXXX", NULL);
  make_keys();
  add_for_each("round-trip", test_round_trip);
  add_for_each("flipped-bits", test_flipped_bits);
  add_for_each("against-the-tool", test_against_the_tool);
  add_for_each("over-a-digest", test_over_a_digest);
  g_test_add_func("/sign/other-rsa-schemes", test_other_rsa_schemes);
  g_test_add_func("/sign/keys-that-are-refused", test_keys_that_are_refused);
  g_test_add_func("/sign/the-same-key-twice", test_the_same_key_twice);
  g_test_add_func("/sign/scopes", test_scopes);
  g_test_add_func("/sign/signature-text", test_signature_text);
  g_test_add_func("/sign/an-encrypted-private-key", test_an_encrypted_private_key);
  status = g_test_run();
  remove_folder();
  return status;
}
