"""Names in trees that would harm whoever checks them out (GIT-10).

A name is judged as NTFS and HFS+ would see it, which both hold several spellings for the same file.
"""

from __future__ import annotations

from collections.abc import Iterator

_HFS_IGNORED = frozenset(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)
_MALFORMED = 0


def forbidden_name(name: bytes) -> str | None:
    """git's message id for a name that no tree may hold, or None for a good one."""
    if not name:
        return "emptyName"
    if b"/" in name or b"\0" in name:
        return "fullPathname"
    if name == b".":
        return "hasDot"
    if name == b"..":
        return "hasDotdot"
    if is_dot_git(name):
        return "hasDotgit"
    return None


def is_dot_git(name: bytes) -> bool:
    """Whether some file system takes the name, or what follows a backslash in it, for `.git`."""
    if _is_hfs(name, b"git"):
        return True
    return any(_is_ntfs_dot_git(part) for part in _after_backslashes(name))


def is_dot_file(name: bytes, plain: bytes, short: bytes) -> bool:
    """The same for another file of git's: `plain` is its name without the dot, in lower case,
    `short` the first letters of the name that NTFS makes up when the plain short ones are taken."""
    return _is_hfs(name, plain) or _is_ntfs_dot_file(name, plain, short)


def is_gitmodules(name: bytes) -> bool:
    return is_dot_file(name, b"gitmodules", b"gi7eba")


def _after_backslashes(name: bytes) -> Iterator[bytes]:
    yield name
    at = name.find(b"\\")
    while at >= 0:
        yield name[at + 1 :]
        at = name.find(b"\\", at + 1)


def _is_ntfs_dot_git(name: bytes) -> bool:
    lower = name[:5].lower()
    if lower.startswith(b".git"):
        rest = name[4:]
    elif lower == b"git~1":
        rest = name[5:]
    else:
        return False
    rest = rest.lstrip(b". ")
    return not rest or rest[:1] in (b"\\", b"/", b":")


def _is_ntfs_dot_file(name: bytes, plain: bytes, short: bytes) -> bool:
    lower = name.lower()
    if lower.startswith(b"." + plain):
        return _only_dots(name[len(plain) + 1 :])
    if lower[:6] == plain[:6] and lower[6:7] == b"~" and lower[7:8] in (b"1", b"2", b"3", b"4"):
        return _only_dots(name[8:])
    return _is_made_up_short_name(lower, short) and _only_dots(name[8:])


def _is_made_up_short_name(lower: bytes, short: bytes) -> bool:
    """`gi7eba~1`, `gi7eb~10`, `gi~12345`: letters of `short`, a tilde, digits, eight in all."""
    letters, tilde, digits = lower[:8].partition(b"~")
    return (
        len(lower) >= 8
        and tilde == b"~"
        and len(letters) <= 6
        and short.startswith(letters)
        and digits.isdigit()
        and not digits.startswith(b"0")
    )


def _only_dots(rest: bytes) -> bool:
    rest = rest.lstrip(b". ")
    return not rest or rest.startswith(b":")


def _is_hfs(name: bytes, plain: bytes) -> bool:
    points = _hfs_points(name)
    if next(points) != ord("."):
        return False
    for letter in plain:
        point = next(points)
        if point > 127 or ord(chr(point).lower()) != letter:
            return False
    return next(points) in (_MALFORMED, ord("/"))


def _hfs_points(name: bytes) -> Iterator[int]:
    """Code points that HFS+ does not ignore; zeros after the end, and from malformed UTF-8 on."""
    end = len(name)
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        end = error.start
        text = name[:end].decode()
    for char in text:
        if ord(char) not in _HFS_IGNORED:
            yield ord(char)
    while True:
        yield _MALFORMED
