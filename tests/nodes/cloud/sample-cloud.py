# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sample cloud: publishes a signed catalog of a folder, and serves the folder over HTTP. ./run and the tests use
it; on a real site any web server does (docs/catalog.md)."""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from publish import publish  # noqa: E402
from server import MISDEEDS, Cloud, make_server, read_misdeed  # noqa: E402


def serve(options):
    cloud = Cloud(options.folder, options.log, options.token, options.user)
    for text in options.misbehave:
        pattern, deeds = read_misdeed(text)
        cloud.misdeeds[pattern] = deeds
    server = make_server(cloud, options.address, options.port, options.certificate, options.tls_key)
    print(f"serving {options.folder} at {options.address} port {server.server_address[1]}", flush=True)
    try:
        server.serve_forever(0.1)
    except KeyboardInterrupt:
        pass


def main():
    parser = argparse.ArgumentParser(prog="sample-cloud.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("publish", help="write catalog.json and catalog.json.sig")
    one.add_argument("folder")
    one.add_argument("--key", help="PEM private key (Ed25519, P-256 or RSA); without it the catalog is unsigned")
    one.add_argument("--sequence", type=int, required=True)
    one.add_argument("--days", type=float, default=365, help="until it expires; may be negative")
    one.add_argument("--release", action="append", default=[],
                     help="product=P,version=V,file=F[,type=,hardware=,name=,notes=,url=]")
    one = commands.add_parser("serve", help="serve the folder", epilog=MISDEEDS,
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("folder")
    one.add_argument("--address", default="127.0.0.1")
    one.add_argument("--port", type=int, default=0)
    one.add_argument("--log", help="file that gets a line for each request: time, method, path, status, bytes, range")
    one.add_argument("--token", help="demand this bearer token")
    one.add_argument("--user", help="USER:PASSWORD to demand")
    one.add_argument("--certificate", help="PEM chain: serve https")
    one.add_argument("--tls-key", help="PEM key of the certificate")
    one.add_argument("--misbehave", action="append", default=[], metavar="PATTERN:KIND=ARGUMENT[,...]",
                     help="for paths that match; the kinds are below")
    options = parser.parse_args()
    if options.command == "publish":
        publish(options.folder, options.key, options.sequence, options.release, options.days)
    else:
        serve(options)


if __name__ == "__main__":
    main()
