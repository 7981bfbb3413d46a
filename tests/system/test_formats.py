# SPDX-License-Identifier: LGPL-2.1-or-later
"""Formats inside the real helper, with files made by other people's tools; and what an import makes of them."""
import gzip
import hashlib
import io
import os
import random
import re
import subprocess
import tarfile
import zipfile

import intelhex
import pytest

import unpacker

FOLDERS = [f"plugins/format/{name}" for name in ("raw", "archive", "esp32", "mcuboot", "hex", "uf2")]
SMALL, NAMES = b"abc" * 100, ["app.bin", "sub/böse.bin"]
MIB = 1024 * 1024


def look(build, path, **options):
    return unpacker.look(build, path, folders=FOLDERS, **options)


def sha256(data):
    return hashlib.sha256(data).digest()


def tar_of(*members, compress=""):
    """members: TarInfo, or (name, bytes)"""
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode=f"w:{compress}") as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return text.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_of(*members):
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return text.getvalue()


# ---- archives -----------------------------------------------------------------------------------------------------

FILES = [(NAMES[0], SMALL), (NAMES[1], os.urandom(300_000))]
PACKED = {"zip": lambda: zip_of(*FILES), "tar": lambda: tar_of(*FILES), "tar.gz": lambda: tar_of(*FILES, compress="gz"),
          "tar.xz": lambda: tar_of(*FILES, compress="xz"),
          "tar.zst": lambda: subprocess.run(["zstd", "-c"], input=tar_of(*FILES), capture_output=True, check=True).stdout}


@pytest.mark.parametrize("kind", PACKED)
def test_archives_are_read(build, tmp_path, kind):
    path = tmp_path / f"all.{kind}"
    path.write_bytes(PACKED[kind]())
    result = look(build, path)
    assert (result.format, result.refusal, result.status) == ("archive", "", 0)
    assert {name: member[:2] for name, member in result.members.items()} == \
        {name: (len(data), sha256(data)) for name, data in FILES}
    again, data = unpacker.extract(build, path, 1, folders=FOLDERS)
    assert data == FILES[1][1] and again.refusal == ""
    whole = look(build, path, member=unpacker.LOOK)
    assert (whole.refusal, whole.members) == ("", {})


@pytest.mark.parametrize("tool", ["gzip", "xz", "zstd"])
def test_one_compressed_file(build, tmp_path, tool):
    path = tmp_path / f"app.bin.{dict(gzip='gz', xz='xz', zstd='zst')[tool]}"
    path.write_bytes(subprocess.run([tool, "-c"], input=FILES[1][1], capture_output=True, check=True).stdout)
    result = look(build, path)
    assert {name: member[0] for name, member in result.members.items()} == {"app.bin": 300_000}


def nested():
    data = tar_of(*FILES)
    for _ in range(3):
        data = gzip.compress(data)
    return data


def folders():
    info = tarfile.TarInfo("folder")
    info.type = tarfile.DIRTYPE
    one = tar_of(info)[:512]
    pack = gzip.GzipFile(fileobj=(text := io.BytesIO()), mode="wb", compresslevel=1)
    for _ in range(100):
        pack.write(one * 10_000)
    pack.close()
    return text.getvalue()


def bomb():
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open("bomb", "w") as file:
        for _ in range(300):
            file.write(bytes(MIB))
    return text.getvalue()


def gzip_bomb():
    text = io.BytesIO()
    with gzip.GzipFile(fileobj=text, mode="wb", compresslevel=9) as file:
        for _ in range(300):
            file.write(bytes(MIB))
    return text.getvalue()


HOSTILE = {
    "out": (lambda: tar_of(("../../etc/cron.d/x", b"x")), "leads out of its folder"),
    "absolute": (lambda: zip_of(("/etc/passwd", b"x")), "leads out of its folder"),
    "backslash": (lambda: zip_of(("..\\x", b"x")), "leads out of its folder"),
    "link-then-write": (lambda: tar_of(link("a", "/tmp"), ("a/x", b"x")), "it holds a link"),
    "hard-link": (lambda: tar_of(("x", b"x"), link("y", "x", tarfile.LNKTYPE)), "it holds a link"),
    "device": (lambda: tar_of(link("null", "", tarfile.CHRTYPE)), "it holds something that is no file"),
    "twice": (lambda: tar_of(("x", b"x"), ("x", b"y")), 'it holds "x" twice'),
    "many": (lambda: zip_of(*((f"{n}", b"") for n in range(70_000))), "it holds more than 256 files"),
    "a-million-folders": (folders, "it holds more than 4096 entries"),
    "nested": (nested, "it is compressed more than once"),
    "bomb": (bomb, "more than an image may have"),
    "gzip-bomb": (gzip_bomb, "is larger than an image may be"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_K9_hostile_archives(build, tmp_path, kind):
    make, why = HOSTILE[kind]
    path = tmp_path / "all.bin"
    path.write_bytes(make())
    result = look(build, path)
    assert why in result.refusal and result.status == 0 and result.cpu_seconds < 5


def test_K9_four_gibibytes_of_nothing(build, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(4 << 30)
    subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "all.tar", "sparse"], check=True)
    result = look(build, tmp_path / "all.tar")
    assert "more than an image may have" in result.refusal and result.cpu_seconds < 1


def test_K9_encrypted(build, tmp_path):
    (tmp_path / "app.bin").write_bytes(SMALL)
    subprocess.run(["zip", "-q", "-P", "secret", "all.zip", "app.bin"], cwd=tmp_path, check=True)
    assert look(build, tmp_path / "all.zip").refusal == "it is encrypted"


@pytest.mark.parametrize("kind", ["cpio", "ar"])
def test_K9_exotic_archives_are_bytes(build, tmp_path, kind):
    (tmp_path / "app.bin").write_bytes(SMALL)
    if kind == "ar":
        subprocess.run(["ar", "rc", "all", "app.bin"], cwd=tmp_path, check=True)
    else:
        (tmp_path / "all").write_bytes(b"070701" + b"00000001" * 13 + b"app.bin\0")
    result = look(build, tmp_path / "all")
    assert (result.format, list(result.members)) == ("raw", [""])


@pytest.mark.parametrize("kind", PACKED)
def test_K9_cut_at_any_byte(build, tmp_path, kind):
    whole, chance = PACKED[kind](), random.Random(1)
    for _ in range(10):
        path = tmp_path / "cut"
        path.write_bytes(whole[:chance.randrange(600, len(whole) - 1024)])
        result = look(build, path)
        assert result.status == 0 and result.refusal


def test_xz_of_great_memory_is_refused(build, tmp_path):
    path = tmp_path / "app.xz"
    path.write_bytes(subprocess.run(["xz", "-c", "--lzma2=dict=256MiB"], input=SMALL, capture_output=True, check=True).stdout)
    result = look(build, path)
    assert result.refusal and result.status == 0


# ---- lines of hex digits, against other people's readers ------------------------------------------------------------

def pieces(seed):
    chance = random.Random(seed)
    at, found = chance.randrange(0x10000), {}
    for _ in range(chance.randrange(1, 6)):
        found[at] = chance.randbytes(chance.randrange(1, 3000))
        at += len(found[at]) + chance.choice([0, 1, 255, 70_000])
    return found


def binary_of(found):
    first, end = min(found), max(at + len(data) for at, data in found.items())
    binary = bytearray(b"\xff" * (end - first))
    for at, data in found.items():
        binary[at - first:at - first + len(data)] = data
    return bytes(binary)


def check_binary(build, path, expected):
    result, data = unpacker.extract(build, path, 1, folders=FOLDERS)
    assert (result.refusal, list(result.members)) == ("", ["", path.with_suffix(".bin").name])
    assert data == expected


@pytest.mark.parametrize("number", range(6))
def test_ihex_is_read_as_intelhex_reads_it(build, tmp_path, number):
    found, path = pieces(number), tmp_path / "app.hex"
    image = intelhex.IntelHex()
    for at, data in found.items():
        image.puts(at, data)
    image.padding = 0xFF
    image.write_hex_file(str(path), byte_count=random.Random(number).choice([1, 16, 32, 255]))
    check_binary(build, path, bytes(image.tobinarray()))
    assert binary_of(found) == bytes(image.tobinarray())


@pytest.mark.parametrize("kind", ["-motorola", "-intel"])
@pytest.mark.parametrize("number", range(4))
def test_records_are_read_as_srecord_reads_them(build, tmp_path, number, kind):
    found, path = pieces(number), tmp_path / ("app.srec" if kind == "-motorola" else "app.hex")
    words = []
    for at, data in found.items():
        (tmp_path / str(at)).write_bytes(data)
        words += [str(tmp_path / str(at)), "-binary", "-offset", str(at)]
    subprocess.run(["srec_cat", *words, "-o", path, kind], check=True, capture_output=True)
    check_binary(build, path, binary_of(found))


# ---- imports ----------------------------------------------------------------------------------------------------------

@pytest.fixture(name="one")
def fixture_one(gateway):
    made = gateway()
    made.plugin_folders = [*made.plugin_folders, *FOLDERS[1:]]
    return made.start()


def test_a_member_is_taken_out(one):
    path = one.folder / "all.zip"
    path.write_bytes(PACKED["zip"]())
    words = ["import", path, "--product=weather", "--version=5"]
    refused = one.ctl(*words, "--member=*", is_checked=False)
    assert refused.returncode != 0 and "choose one of: app.bin, sub/böse.bin" in refused.stderr
    refused = one.ctl(*words, "--member=*.hex", is_checked=False)
    assert refused.returncode != 0 and 'no file in it fits "*.hex"' in refused.stderr
    one.ctl(*words, "--member=böse.bin")
    row = one.json("firmware", "show", one.row("firmware", "version", "5")["id"])
    assert (row["name"], row["size"], row["sha256"]) == ("böse.bin", 300_000, sha256(FILES[1][1]).hex())
    assert one.json("status")["cache-images"] == 1  # the archive itself went
    one.ctl("import", path, "--product=weather", "--version=6")
    row = one.json("firmware", "show", one.row("firmware", "version", "6")["id"])
    assert row["sha256"] == sha256(path.read_bytes()).hex()


def hex_of(data):
    image, text = intelhex.IntelHex(), io.StringIO()
    image.frombytes(data)
    image.write_hex_file(text)
    return text.getvalue().encode()


def test_binaries_are_all_that_a_product_takes(one):
    """The text that was packed, too; and a binary that looks like a text is one."""
    path, data = one.folder / "all.zip", hex_of(SMALL)
    one.ctl("product", "set", "weather", "--to-binary=yes")
    path.write_bytes(zip_of(("sensor.hex", data), ("odd.hex", hex_of(data)), ("odd.txt", b"odd")))
    one.ctl("import", path, "--product=weather", "--version=5", "--member=sensor.hex")
    one.ctl("import", path, "--product=weather", "--version=6", "--member=odd.hex")
    for version, expected in (("5", SMALL), ("6", data)):
        row = one.json("firmware", "show", one.row("firmware", "version", version)["id"])
        assert row["sha256"] == sha256(expected).hex()
    assert one.json("status")["cache-images"] == 2


def test_nothing_goes_unlooked_where_binaries_are_taken(gateway):
    one = gateway().start(names=("wan", "lan", "core"))
    path = one.folder / "sensor.hex"
    path.write_bytes(hex_of(SMALL))
    one.ctl("product", "set", "weather", "--to-binary=yes")
    refused = one.ctl("import", path, "--product=weather", "--version=5", is_checked=False)
    assert refused.returncode != 0 and "cannot be reached" in refused.stderr and one.rows("firmware") == []
    one.ctl("import", path, "--product=other", "--version=5")


def test_a_catalog_s_text_is_not_converted(site):
    one = site(upstream="prefetch=yes")
    one.gateway.plugin_folders = [*one.gateway.plugin_folders, *FOLDERS[1:]]
    one.start()
    one.gateway.ctl("product", "set", "chips", "--to-binary=yes")
    one.cloud.image("good.bin", data=SMALL)
    one.cloud.image("bad.bin", data=hex_of(SMALL))
    one.cloud.publish("product=chips,version=5,file=good.bin", "product=chips,version=6,file=bad.bin")
    assert "a catalog's image is not converted" in one.firmware(6, "rejected")["reason"]
    assert one.firmware(5)["state"] == "unverified"


def esp32_image(source):
    """The first image of the format's table."""
    text = (source / "tests/plugin/esp32.table").read_text().split("case an application\n")[1].split("\nimage")[0]
    return bytes.fromhex("".join(line.removeprefix("bytes ") for line in text.splitlines()[1:]))


def test_U8_what_an_image_says_of_itself(one, source):
    image, path = esp32_image(source), one.folder / "weather.bin"
    path.write_bytes(image)
    one.ctl("import", path, "--product=weather")
    row = one.json("firmware", "show", one.row("firmware", "version", "1.4.2")["id"])
    assert row["attributes"]["chip"] == "esp32s3"
    one.ctl("firmware", "delete", row["id"])
    refused = one.ctl("import", path, "--product=weather", "--version=1.5.0", is_checked=False)
    assert refused.returncode != 0 and "the image says version 1.4.2, not 1.5.0" in refused.stderr
    path.write_bytes(image[:100] + bytes([image[100] ^ 1]) + image[101:])
    refused = one.ctl("import", path, "--product=weather", "--version=1.4.2", is_checked=False)
    assert refused.returncode != 0 and "its checksum does not hold" in refused.stderr
    assert one.rows("firmware") == []


def mcuboot_case(source, name):
    text = (source / "tests/plugin/mcuboot.table").read_text()
    lines = text.split(f"case {name}\n")[1].split("\n\n")[0].splitlines()
    return bytes.fromhex("".join(line.removeprefix("bytes ") for line in lines if line.startswith("bytes ")))


def test_images_are_signed_where_keys_are_configured(gateway, source, tmp_path):
    key = re.search(r'setting keys "(-----BEGIN .*?)"', (source / "tests/plugin/mcuboot.table").read_text())[1]
    (tmp_path / "key.pem").write_text(key.replace("\\n", "\n"))
    one = gateway(f"[plugin mcuboot]\nkeys={tmp_path}/key.pem\n")
    one.plugin_folders = [*one.plugin_folders, *FOLDERS[1:]]
    one.start()
    path = one.folder / "app.bin"
    for name, why in (("unsigned", "it is not signed by any of the keys"), ("signed, ec", "")):
        path.write_bytes(mcuboot_case(source, name))
        result = one.ctl("import", path, "--product=boards", is_checked=False)
        assert why in result.stderr and (result.returncode == 0) == (why == "")
    assert one.row("firmware", "version", "1.2.3")


def test_U8_a_broken_image_is_refused_when_it_is_fetched(site, source):
    one = site(upstream="prefetch=yes")
    one.gateway.plugin_folders = [*one.gateway.plugin_folders, *FOLDERS[1:]]
    image = esp32_image(source)
    one.cloud.image("good.bin", data=image)
    one.cloud.image("bad.bin", data=image[:-1] + bytes([image[-1] ^ 1]))
    one.cloud.publish("product=chips,version=5,file=good.bin", "product=chips,version=6,file=bad.bin")
    one.start()
    assert "its SHA-256 does not hold" in one.firmware(6, "rejected")["reason"]
    row = one.firmware(5)
    assert row["state"] == "unverified", row["reason"]
