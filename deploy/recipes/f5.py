#!/usr/bin/python3 -I
"""exec target: the certificate of a client SSL profile of F5 BIG-IP, by iControl REST.

docs/recipes/f5.md explains it. Standard library only. Environment:

  F5_ADDRESS        such as https://lb1.example.com
  F5_CA_FILE        what signed the certificate of the management address
  F5_USER           who may change certificates and the profile
  F5_PASSWORD_FILE  file with the password, mode 0600
  F5_PROFILE        such as /Common/shop
  F5_SYNC_GROUP     device group to synchronise afterwards; empty: none
"""

import base64
import http.client
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

UNSUPPORTED, LATER = 64, 75
DOWNLOADS = "/var/config/rest/downloads/"


class Refused(Exception):
    """The appliance said no."""


class Unreachable(Exception):
    """Nobody answered, or it asks to come back later."""


def env(name):
    value = os.environ.get(name, "")
    if not value:
        raise Refused(name + " is not set")
    return value


def read(path):
    with open(path, "rb") as f:
        return f.read()


def request(method, path, body=None, headers=None):
    """Give the JSON of an answer."""
    data, kind = body, "application/octet-stream"
    if body is not None and not isinstance(body, bytes):
        data, kind = json.dumps(body).encode(), "application/json"
    password = read(env("F5_PASSWORD_FILE")).decode().strip()
    secret = base64.b64encode((env("F5_USER") + ":" + password).encode()).decode()
    r = urllib.request.Request(env("F5_ADDRESS").rstrip("/") + path, data=data, method=method)
    for name, value in {"Authorization": "Basic " + secret, "Content-Type": kind, **(headers or {})}.items():
        r.add_header(name, value)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=env("F5_CA_FILE"))),
    )
    try:
        with opener.open(r, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as e:
        said = e.read(4000).decode(errors="replace")
        if e.code in (429, 502, 503, 504):
            raise Unreachable("%s %s: %d %s" % (method, path, e.code, said))
        raise Refused("%s %s: %d %s" % (method, path, e.code, said))
    except ssl.SSLCertVerificationError as e:
        raise Refused("%s: %s; correct F5_CA_FILE" % (env("F5_ADDRESS"), e))
    except urllib.error.URLError as e:
        if isinstance(e.reason, ssl.SSLCertVerificationError):
            raise Refused("%s: %s; correct F5_CA_FILE" % (env("F5_ADDRESS"), e.reason))
        raise Unreachable("%s: %s" % (env("F5_ADDRESS"), e.reason))
    except (OSError, http.client.HTTPException) as e:
        raise Unreachable("%s: %s" % (env("F5_ADDRESS"), e))


def tilde(name):
    """/Common/shop is ~Common~shop in a URL."""
    return urllib.request.quote(name.replace("/", "~"), safe="~")


def profile_path():
    return "/mgmt/tm/ltm/profile/client-ssl/" + tilde(env("F5_PROFILE"))


def chains():
    """The cert, key and chain that the profile names."""
    kept = []
    for c in request("GET", profile_path()).get("certKeyChain") or []:
        kept.append({k: c[k] for k in ("name", "cert", "key", "chain") if c.get(k) not in (None, "none")})
    return kept


def transact(commands):
    """Do all of it or none."""
    t = str(request("POST", "/mgmt/tm/transaction", {})["transId"])
    for method, path, body in commands:
        request(method, path, body, {"X-F5-REST-Coordination-Id": t})
    state = request("PATCH", "/mgmt/tm/transaction/" + t, {"state": "VALIDATING"}).get("state")
    deadline = time.monotonic() + 30
    while state != "COMPLETED":
        if state == "FAILED" or time.monotonic() > deadline:
            raise Refused("transaction %s is %s" % (t, state))
        time.sleep(0.2)
        state = request("GET", "/mgmt/tm/transaction/" + t).get("state")


def settle():
    """Have it survive a restart, and the other devices follow."""
    request("POST", "/mgmt/tm/sys/config", {"command": "save"})
    group = os.environ.get("F5_SYNC_GROUP", "")
    if group:
        request("POST", "/mgmt/tm/cm", {"command": "run", "utilCmdArgs": "config-sync to-group " + group})


def exists(kind, partition, name):
    found = request("GET", "/mgmt/tm/sys/file/%s?$select=name,partition" % kind).get("items", [])
    return any(i.get("name") == name and i.get("partition") == partition for i in found)


def install():
    directory, profile = env("NEVERLAPSE_DIR"), env("F5_PROFILE")
    partition = profile.strip("/").split("/")[0]
    base = "neverlapse-%s-%s" % (profile.strip("/").split("/")[-1], env("NEVERLAPSE_FINGERPRINT")[:16])
    entry, commands, uploads = {"name": base}, [], []
    for field, kind, name, source in (
        ("key", "ssl-key", base + ".key", "key.pem"),
        ("cert", "ssl-cert", base + ".crt", "cert.pem"),
        ("chain", "ssl-cert", base + "-chain.crt", "chain.pem"),
    ):
        data = read(os.path.join(directory, source))
        if not data.strip():
            continue  # a leaf without intermediates
        entry[field] = "/%s/%s" % (partition, name)
        if exists(kind, partition, name):
            continue  # of a run that was cut short; the name says what is in it
        uploads.append(name)
        body = {"name": name, "partition": partition, "sourcePath": "file:" + DOWNLOADS + name}
        commands.append(("POST", "/mgmt/tm/sys/file/" + kind, body))
        upload(name, data)
    commands.append(("PATCH", profile_path(), {"certKeyChain": [entry]}))
    try:
        transact(commands)
    finally:
        for name in uploads:  # a key must not stay where uploads land
            request("POST", "/mgmt/tm/util/unix-rm", {"command": "run", "utilCmdArgs": DOWNLOADS + name})
    settle()


def upload(name, data):
    reach = "0-%d/%d" % (len(data) - 1, len(data))
    request("POST", "/mgmt/shared/file-transfer/uploads/" + name, data, {"Content-Range": reach})


def current():
    kept = chains()
    if not kept or "cert" not in kept[0]:
        return
    c = request("GET", "/mgmt/tm/sys/file/ssl-cert/" + tilde(kept[0]["cert"]))
    print(c["fingerprint"].split("/")[-1])
    print("notAfter=" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(c["expirationDate"])))


def capture():
    with open(os.path.join(env("NEVERLAPSE_CAPTURE"), "profile.json"), "w", encoding="utf-8") as f:
        json.dump(chains(), f)


def restore():
    kept = json.loads(read(os.path.join(env("NEVERLAPSE_CAPTURE"), "profile.json")))
    if chains() != kept:
        transact([("PATCH", profile_path(), {"certKeyChain": kept})])
    settle()


def main():
    verbs = {"check": chains, "current": current, "capture": capture, "install": install, "restore": restore}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        print("usage: f5.py " + "|".join(verbs), file=sys.stderr)
        return UNSUPPORTED
    try:
        verbs[sys.argv[1]]()
    except Unreachable as e:
        print(e, file=sys.stderr)
        # A change that was begun may have happened: it is put back, or repeated.
        return LATER if sys.argv[1] != "install" else 1
    except (Refused, OSError, KeyError, ValueError) as e:
        print("%s: %s" % (type(e).__name__, e), file=sys.stderr)
        return 1
    return 0


sys.exit(main())
