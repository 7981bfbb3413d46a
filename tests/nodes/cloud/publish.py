# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a catalog document of files in a folder and signs it with openssl: what docs/catalog.md says, in independent
words, so that the gateway's own signer is not its own judge."""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import subprocess

KNOWN = ("product", "type", "hardware", "version", "name", "notes", "url", "signature")


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=data).stdout


def sign(key, data):
    """Base64 text of the detached signature; the algorithm is the key's."""
    kind = openssl("pkey", "-in", key, "-noout", "-text").decode().splitlines()[0].lower()
    if "ed25519" in kind:
        document = pathlib.Path(f"{key}.signing.{os.getpid()}")
        document.write_bytes(data)  # openssl must know the size beforehand
        try:
            raw = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", document)
        finally:
            document.unlink()
    elif "2048" in kind or "3072" in kind or "4096" in kind:
        raw = openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest",
                      "-sign", key, data=data)
    else:
        raw = openssl("dgst", "-sha256", "-sign", key, data=data)
    return base64.b64encode(raw).decode() + "\n"


def release(folder, text):
    """"product=weather,version=5,file=weather-5.bin[,url=...][,notes=...]" -> an element of "releases"."""
    fields = dict(pair.split("=", 1) for pair in text.split(","))
    name = fields.pop("file")
    data = (pathlib.Path(folder) / name).read_bytes()
    entry = {"url": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    attributes = {key: fields.pop(key) for key in list(fields) if key not in KNOWN}
    entry.update(fields)
    if attributes:
        entry["attributes"] = attributes
    return entry


def document(folder, sequence, releases, days=365):
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return (json.dumps({"sequence": sequence, "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                        "releases": [release(folder, text) for text in releases]}, indent=1) + "\n").encode()


def replace(path, data):
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.rename(path)


def publish(folder, key, sequence, releases, days=365):
    """Writes catalog.json and, with a key, catalog.json.sig; each appears whole or not at all."""
    folder = pathlib.Path(folder)
    data = document(folder, sequence, releases, days)
    replace(folder / "catalog.json", data)
    if key:
        replace(folder / "catalog.json.sig", sign(key, data).encode())
    else:
        (folder / "catalog.json.sig").unlink(missing_ok=True)
