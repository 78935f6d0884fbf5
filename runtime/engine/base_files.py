"""The folders, links and small text files of a base tree."""

from __future__ import annotations

PASSWORDLESS_USER = (1000, 1000)
"""uid and gid of `user`, whose home is /home/user."""

FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "home/user": 0o755,
    "opt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr/bin": 0o755,
    "usr/lib": 0o755,
    "usr/lib64": 0o755,
    "usr/local/bin": 0o755,
    "usr/local/lib": 0o755,
    "usr/local/include": 0o755,
    "var/tmp": 0o1777,
}

LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/sbin": "bin",
    "var/run": "../run",
}
"""Merged /usr: one place for programs and one for libraries."""

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "user:x:1000:1000:user:/home/user:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "",
    "etc/os-release": 'NAME="Spaceport base"\nID=spaceport-base\nID_LIKE=debian\n'
    'PRETTY_NAME="Spaceport base"\n',
    "etc/ld.so.conf": "/usr/local/lib\n/usr/lib\n/usr/lib64\n",
}
