"""A real IMAP server for tests: Debian's Dovecot, with a configuration and a folder of its own, on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import trustme

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "bounces", 'dréam "of\\ it'  # not ASCII, and with all that needs quoting

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = {secret}
auth_mechanisms = {mechanisms}
mail_location = maildir:{folder}/mail
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={internal} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


class ImapServer:
    """`maildir` is what the mailbox holds, `ca_file` what to trust, `plain` and `tls` are its ports."""

    def __init__(self, folder: Path, *, mechanisms: str, secret: bool) -> None:
        self.folder, self.maildir, self.ca_file = folder, folder / "mail", folder / "ca.pem"
        self.plain, self.tls = _free_port(), _free_port()
        self._numbers = count(1)
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid()).pw_name
        group = "dovecot" if root else str(os.getegid())
        folder.chmod(0o755)
        for part in ("run", "home", "mail", "mail/new", "mail/cur", "mail/tmp"):
            (folder / part).mkdir()
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
        certificate.private_key_pem.write_to_path(folder / "server.key")
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
        self._config = folder / "dovecot.conf"
        self._config.write_text(
            _CONFIG.format(
                folder=folder,
                mechanisms=mechanisms,
                secret="yes" if secret else "no",
                internal="dovecot" if root else me,
                group=group,
                login="dovenull" if root else me,
                plain=self.plain,
                tls=self.tls,
            ),
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        self.give_away()
        self._process = subprocess.Popen([PROGRAM, "-F", "-c", str(self._config)], stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.plain), timeout=1) as connection:
                    if connection.recv(64).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.05)
        raise OSError(f"dovecot does not answer: {self.log()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def give_away(self) -> None:
        """What root put into the mailbox belongs to the server's user."""
        if os.geteuid() == 0:
            user = pwd.getpwnam("dovecot")
            for path in (self.folder / "home", self.maildir, *self.maildir.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)

    def put(self, *messages: bytes) -> None:
        for data in messages:
            name = (
                f"{1_700_000_000 + next(self._numbers)}.1.host"  # Dovecot numbers messages by the time in their names
            )
            (self.maildir / "new" / name).write_bytes(data)
        self.give_away()

    def flags(self) -> list[str]:
        """The flags of each message in the order in which they came; `new` for what nobody has looked at."""
        files = [path for part in ("new", "cur") for path in (self.maildir / part).iterdir()]
        return [path.name.partition(":2,")[2] for path in sorted(files, key=lambda path: path.name)]

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace")[-2000:] if path.exists() else ""


@contextmanager
def imap_server(*, mechanisms: str = "plain login", secret: bool = True) -> Iterator[ImapServer]:
    """With `secret`, no password is taken in the clear."""
    folder = Path(tempfile.mkdtemp(prefix="imap-"))
    server = ImapServer(folder, mechanisms=mechanisms, secret=secret)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
