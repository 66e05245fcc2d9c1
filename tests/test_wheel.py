"""The wheel holds all that it needs: it runs without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from workshop import NOW, ROOT, open_workshop


def test_a_wheel_publishes_without_the_source_tree(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert any(name.startswith("newsletter/templates/mail/") for name in names)
    assert {"newsletter/locale/newsletter.pot", "newsletter/locale/de/LC_MESSAGES/newsletter.po"} <= set(names)
    assert any(name.startswith("newsletter/store/migrations/versions/") for name in names)
    assert not [name for name in names if "seeds/" in name or "tests/" in name]
    open_workshop(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for arguments in (["-c", "import newsletter; print(newsletter.__file__)"], *_main_job()):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        if "-c" in arguments:
            assert done.stdout.decode().startswith(str(site))
    assert (tmp_path / "public" / "feeds" / "articles.atom").is_file()


def _main_job() -> list[list[str]]:
    return [["-m", "newsletter", verb, "--now", NOW] for verb in ("ingest", "publish")]
