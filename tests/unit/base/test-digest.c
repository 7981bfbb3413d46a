/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

typedef struct {
  const char *text, *sha256, *sha1, *md5;
  guint32 crc32;
} Vector;

/* FIPS 180-4, RFC 1321 and the check value of CRC-32/ISO-HDLC. */
static const Vector vectors[] = {
  { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709", "d41d8cd98f00b204e9800998ecf8427e", 0 },
  { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "a9993e364706816aba3e25717850c26c9cd0d89d", "900150983cd24fb0d6963f7d28e17f72", 0x352441c2 },
  { "123456789", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "f7c3bc1d808e04732adf679965ccc34ca7ae3441", "25f9e794323b453885f5181f1b624d0b", 0xcbf43926 },
};

static void
assert_hex(const void *data, gsize size, const char *expected)
{
  char hex[129];

  gw_hex(data, size, hex);
  g_assert_cmpstr(hex, ==, expected);
}

static void
test_vectors(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    const Vector *v = &vectors[i];
    g_autoptr(GwDigester) digester = gw_digester_new(TRUE);
    GwDigests digests;
    guint8 sha256[32];

    gw_digester_update(digester, v->text, strlen(v->text));
    gw_digester_finish(digester, &digests);
    assert_hex(digests.sha256, 32, v->sha256);
    assert_hex(digests.sha1, 20, v->sha1);
    assert_hex(digests.md5, 16, v->md5);
    g_assert_cmphex(digests.crc32, ==, v->crc32);
    g_assert_cmpuint(digests.size, ==, strlen(v->text));
    gw_sha256(v->text, strlen(v->text), sha256);
    assert_hex(sha256, 32, v->sha256);
  }
}

static guint8 *
noise(gsize size)
{
  guint8 *data = g_malloc(size);
  guint32 x = 1;

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8)((x = x * 1664525 + 1013904223) >> 24);
  return data;
}

/* However the stream is cut, the digests are those of the whole. */
static void
test_pieces(void)
{
  g_autofree guint8 *data = noise(10000);
  GwDigests whole, pieces;

  for (gsize step = 0; step < 1000; step += 37) {
    g_autoptr(GwDigester) one = gw_digester_new(TRUE);
    g_autoptr(GwDigester) many = gw_digester_new(TRUE);

    gw_digester_update(one, data, 10000);
    gw_digester_finish(one, &whole);
    for (gsize done = 0; done < 10000; done += step + 1)
      gw_digester_update(many, data + done, MIN(step + 1, 10000 - done));
    gw_digester_update(many, NULL, 0);
    gw_digester_finish(many, &pieces);
    g_assert_cmpmem(&whole, sizeof whole, &pieces, sizeof pieces);
  }
}

static void
test_sha256_alone(void)
{
  g_autoptr(GwDigester) digester = gw_digester_new(FALSE);
  GwDigests digests, expected = { .size = 3 };

  gw_digester_update(digester, "abc", 3);
  gw_digester_finish(digester, &digests);
  gw_sha256("abc", 3, expected.sha256);
  g_assert_cmpmem(&digests, sizeof digests, &expected, sizeof expected);
}

static char *
openssl_digest(const char *algorithm, const char *path)
{
  const char *argv[] = { "openssl", "dgst", "-r", algorithm, path, NULL };
  g_autoptr(GError) error = NULL;
  char *out = NULL;
  int status;

  g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error(error);
  g_assert_true(g_spawn_check_wait_status(status, NULL));
  *strchr(out, ' ') = '\0';
  return out;
}

static void
test_against_the_openssl_tool(void)
{
  g_autofree guint8 *data = noise(400001);
  g_autofree char *path = NULL;
  g_autofree char *sha256 = NULL, *sha1 = NULL, *md5 = NULL;
  GW_AUTO_FD int fd = g_file_open_tmp("gw-digest-XXXXXX", &path, NULL);
  GwDigests digests;

  g_assert_true(gw_write_all(fd, data, 400001, NULL));
  g_assert_true(gw_digest_fd(fd, TRUE, &digests, NULL));
  sha256 = openssl_digest("-sha256", path);
  sha1 = openssl_digest("-sha1", path);
  md5 = openssl_digest("-md5", path);
  unlink(path);
  assert_hex(digests.sha256, 32, sha256);
  assert_hex(digests.sha1, 20, sha1);
  assert_hex(digests.md5, 16, md5);
  g_assert_cmpuint(digests.size, ==, 400001);
  g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 400001);
}

static void
test_an_unreadable_descriptor(void)
{
  g_autoptr(GError) error = NULL;
  GwDigests digests;

  g_assert_false(gw_digest_fd(-1, TRUE, &digests, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_INTERNAL);
}

/* RFC 4231, cases 1 and 6; and an empty key. */
static void
test_hmac(void)
{
  guint8 key[131], mac[32];

  memset(key, 0x0b, 20);
  gw_hmac_sha256(key, 20, "Hi There", 8, mac);
  assert_hex(mac, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  memset(key, 0xaa, sizeof key);
  gw_hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
  assert_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  gw_hmac_sha256(NULL, 0, "", 0, mac);
  assert_hex(mac, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
test_hex(void)
{
  static const char *const bad[] = { "", "0", "00f", "00ff0", "00fg", "0x00", "00 f", "00ff ", NULL };
  guint8 bytes[2] = { 7, 7 };

  assert_hex("\x00\x7f\xff", 3, "007fff");
  g_assert_true(gw_unhex("0aFf", 2, bytes));
  g_assert_cmphex(bytes[0], ==, 0x0a);
  g_assert_cmphex(bytes[1], ==, 0xff);
  for (guint i = 0; bad[i]; i++) {
    g_assert_false(gw_unhex(bad[i], 2, bytes));
    g_assert_cmphex(bytes[0], ==, 0x0a);
  }
  g_assert_true(gw_unhex("", 0, bytes));
}

static void
test_secrets(void)
{
  guint8 a[32], b[32];

  gw_random(a, sizeof a);
  gw_random(b, sizeof b);
  g_assert_false(gw_equal_secret(a, b, sizeof a));
  memcpy(b, a, sizeof a);
  g_assert_true(gw_equal_secret(a, b, sizeof a));
  b[31] ^= 1;
  g_assert_false(gw_equal_secret(a, b, sizeof a));
  g_assert_true(gw_equal_secret(a, b, 31));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/digest/vectors", test_vectors);
  g_test_add_func("/digest/pieces", test_pieces);
  g_test_add_func("/digest/sha256-alone", test_sha256_alone);
  g_test_add_func("/digest/against-the-openssl-tool", test_against_the_openssl_tool);
  g_test_add_func("/digest/an-unreadable-descriptor", test_an_unreadable_descriptor);
  g_test_add_func("/digest/hmac", test_hmac);
  g_test_add_func("/digest/hex", test_hex);
  g_test_add_func("/digest/secrets", test_secrets);
  return g_test_run();
}
