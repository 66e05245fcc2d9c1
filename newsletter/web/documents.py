"""The files below `public/`: which one a path means, how it is read, and how many are held in memory."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from io import BufferedReader
from urllib.parse import unquote_to_bytes

from newsletter.web import answers
from newsletter.web.answers import Document, Mark

LARGEST_HELD = 4 * 2**20  #: bytes; a larger file is read from the disk each time
ROOM = 64 * 2**20  #: bytes that all documents held may take together, with their codings

_INDEX = "index.html"
_PIECE = 256 * 1024
#: What the system says of a symbolic link, of a file taken for a folder, of a name that no file can have, of a socket.
_NO_FILE = {errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO}


class Held:
    """Documents by name, the least recently used of them given up when there is no more room."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self.weight = 0

    def get(self, name: str) -> Document | None:
        """The document, if its file is still in the state in which it was read: one call of `lstat` tells."""
        document = self._documents.get(name)
        if document is None:
            return None
        if not _unchanged(document):
            self._give_up(name)
            return None
        self._documents.move_to_end(name)
        return document

    def put(self, name: str, document: Document) -> None:
        """Keep a document that is not held; nothing is kept that would not fit."""
        self._documents[name] = document
        self.weight += document.weight
        while self.weight > self._room:
            self._give_up(next(iter(self._documents)))

    def _give_up(self, name: str) -> None:
        self.weight -= self._documents.pop(name).weight


def file_name(raw_path: bytes) -> str | None:
    """What the path of a request means below `public/`, with "/" before it; None if it can mean no file of ours.

    That is: an empty, hidden or upward segment, an encoded slash, a backslash (browsers take one for a slash), a
    control character, or what is not UTF-8.
    """
    if b"%2f" in raw_path.lower():
        return None
    try:
        name = unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        return None
    first, *segments = name.split("/")
    if first or not segments or not name.isprintable() or "\\" in name:
        return None
    hidden = any(segment.startswith(".") for segment in segments)
    return None if hidden or "" in segments[:-1] else name


def read(root: str, name: str, now: float) -> Document:
    """The document of a name that `file_name` gave. `now`, in seconds since 1970, bounds Last-Modified (RFC 9110 8.8.2.1).

    Raises FileNotFoundError, IsADirectoryError for a folder named without its slash, or another OSError.
    """
    path = name + _INDEX if name.endswith("/") else name
    with open_below(root, path) as file:
        found = os.fstat(file.fileno())
        mark, modified = _mark(found), min(int(found.st_mtime), int(now))
        if found.st_size > LARGEST_HELD:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return answers.large(path, digest, found.st_size, file=root + path, mark=mark, modified=modified)
        return answers.held(path, file.read(), file=root + path, mark=mark, modified=modified)


def reopen(root: str, document: Document) -> BufferedReader | None:
    """The file of a document; None if it is no longer in the state in which it was read. Raises OSError."""
    file = open_below(root, document.file.removeprefix(root))
    if _mark(os.fstat(file.fileno())) == document.mark:
        return file
    file.close()
    return None


def pieces(file: BufferedReader, span: range) -> Iterator[bytes]:
    """The bytes of `span`, a piece at a time; too few if the file was cut meanwhile."""
    file.seek(span.start)
    left = len(span)
    while left and (piece := file.read(min(_PIECE, left))):
        left -= len(piece)
        yield piece


def open_below(root: str, path: str) -> BufferedReader:
    """The file at `path`, through folders of `root` alone: no symbolic link is followed, wherever it leads.

    Raises FileNotFoundError, IsADirectoryError if it is a folder, or another OSError if the machine cannot read it.
    """
    try:
        handle = _open(root, path)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise FileNotFoundError(path) from None
        raise
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(path)
    raise FileNotFoundError(path)


def _open(root: str, path: str) -> int:
    *folders, last = path[1:].split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for each in folders:
            below = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # A pipe must not make us wait for its writer.
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _unchanged(document: Document) -> bool:
    try:
        return _mark(os.lstat(document.file)) == document.mark
    except OSError:
        return False


def _mark(found: os.stat_result) -> Mark:
    """The time of change is among it: times of modification are set by hand, and numbers of files are used again."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
