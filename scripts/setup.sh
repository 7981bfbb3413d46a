# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by ./run, ./check and tests/bench/run: brings a fresh Debian 12 to where the project builds, and builds it.
# Packages come from apt alone; nothing is fetched by other means.

# Debian's own tools first, and no certificate settings of the machine in the programs under test.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libglib2.0-dev libglib2.0-bin libsoup-3.0-dev
  libjansson-dev libssl-dev libcurl4-openssl-dev libsqlite3-dev libsystemd-dev libseccomp-dev libarchive-dev"
RUN_PACKAGES="dbus python3 openssl curl systemd"
TEST_PACKAGES="clang libclang-rt-14-dev clang-format python3-pytest python3-gi gir1.2-glib-2.0 iproute2 nginx-light
  socat strace procps polkitd sqlite3 binutils git jq python3-jsonschema
  python3-intelhex srecord zip xz-utils zstd wget lftp tnftp ncftp inetutils-ftp busybox vsftpd dnsmasq-base unbound nbdkit libnbd-bin e2fsprogs"

# The names among the arguments that are not installed.
missing_packages() {
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# need_packages NAMES...: installs what is missing, or says what to install.
need_packages() {
  local missing sudo=
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || sudo=sudo
  if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
    echo "$0: these Debian packages are missing; install them as root, then try again:" $missing >&2
    exit 1
  fi
  echo "installing:" $missing
  $sudo apt-get -q update >/dev/null
  # shellcheck disable=SC2086
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=540 -y --no-install-recommends \
    install $missing >/dev/null
}

# build_project FOLDER: configures once, then builds.
build_project() {
  [ -f "$1/build.ninja" ] || meson setup "$1" >"$1.setup.log" 2>&1 || { cat "$1.setup.log" >&2; exit 1; }
  rm -f "$1.setup.log"
  ninja -C "$1"
}
