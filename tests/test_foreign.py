"""Promises of files from elsewhere: whole or not there at all, whatever the mirrors do."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Site, serve

from asuka import weights
from asuka.errors import InputError
from asuka.foreign.place import folder_of, path_of
from asuka.foreign.store import fetch, glance, verify
from asuka.foreign.table import TABLE, Entry, File, Hub, Mirror, Package, Url

BLOCK = 1 << 16  # what a download writes at a time
CONTENT = random.Random(0).randbytes(5 * BLOCK)
OTHER = random.Random(1).randbytes(5 * BLOCK)
SWITCHES = ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "ASUKA_OFFLINE", "HF_HUB_OFFLINE")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A mirror with /a and /b, both right; weights are kept in a folder of the test's own."""
    monkeypatch.setenv("ASUKA_WEIGHTS", str(tmp_path / "kept"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for switch in SWITCHES:
        monkeypatch.delenv(switch, raising=False)
    server, site = serve()
    site.files = {"/a": CONTENT, "/b": CONTENT}
    yield site
    server.shutdown()
    server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def toy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The name `toy` with mirrors /a and /b; the path that its file will have."""
    return enter(monkeypatch, Url(f"{site.address}/a"), Url(f"{site.address}/b"))


def enter(monkeypatch: pytest.MonkeyPatch, *mirrors: Mirror, hashed: bool = True) -> Path:
    file = File("toy.bin", len(CONTENT) if hashed else None, sha256(CONTENT) if hashed else None, mirrors)
    monkeypatch.setitem(TABLE, "toy", Entry("MIT", (file,)))
    return path_of("toy")


def left(path: Path) -> list[str]:
    """Names of what lies beside, without the lock."""
    return sorted(file.name for file in path.parent.glob("*") if file.name != ".lock")


def test_a_whole_file_is_fetched_once_and_recorded(site: Site, toy: Path) -> None:
    assert glance("toy").word == "absent"
    assert fetch("toy") == toy
    assert toy.read_bytes() == CONTENT
    assert json.loads((toy.parent / "record.json").read_text())["toy.bin"] == {
        "size": len(CONTENT),
        "sha256": sha256(CONTENT),
        "from": f"{site.address}/a",
    }
    assert (glance("toy").word, verify("toy").word) == ("whole", "whole")
    fetch("toy")
    assert site.asked == [("/a", "")]
    assert left(toy) == ["record.json", "toy.bin"]


def test_a_broken_connection_is_taken_up_again_at_once(site: Site, toy: Path) -> None:
    site.cut = 2 * BLOCK
    assert fetch("toy").read_bytes() == CONTENT
    assert site.asked == [("/a", ""), ("/a", f"bytes={2 * BLOCK}-"), ("/a", f"bytes={4 * BLOCK}-")]


def test_an_interrupted_fetch_leaves_no_file_and_the_next_goes_on(site: Site, toy: Path) -> None:
    site.stop = 3 * BLOCK
    with pytest.raises(InputError, match=r"no mirror gave toy.bin \(.*broke after 196608 bytes, which are kept"):
        fetch("toy")
    assert left(toy) == ["toy.bin.part"]
    assert glance("toy").word == "partial"
    site.stop, site.asked = None, []
    assert fetch("toy").read_bytes() == CONTENT
    assert site.asked == [("/a", f"bytes={3 * BLOCK}-")]
    assert left(toy) == ["record.json", "toy.bin"]


def test_a_fetch_killed_after_its_last_byte_needs_none_more(site: Site, toy: Path) -> None:
    toy.parent.mkdir(parents=True)
    toy.with_name("toy.bin.part").write_bytes(CONTENT)
    assert fetch("toy").read_bytes() == CONTENT
    assert site.asked == [("/a", f"bytes={5 * BLOCK}-")]


def test_a_server_without_ranges_begins_again(site: Site, toy: Path) -> None:
    site.ranges, site.stop = False, 3 * BLOCK
    with pytest.raises(InputError, match="broke"):
        fetch("toy")
    site.stop = None
    assert fetch("toy").read_bytes() == CONTENT


def test_what_an_earlier_attempt_left_may_be_rotten(site: Site, toy: Path) -> None:
    del site.files["/b"]
    toy.parent.mkdir(parents=True)
    toy.with_name("toy.bin.part").write_bytes(OTHER[:1000])
    assert fetch("toy").read_bytes() == CONTENT
    assert site.asked == [("/a", "bytes=1000-"), ("/a", "")]


def test_a_corrupted_file_is_deleted_and_the_next_mirror_asked(site: Site, toy: Path) -> None:
    site.files["/a"] = OTHER
    assert fetch("toy").read_bytes() == CONTENT
    assert site.asked == [("/a", ""), ("/b", "")]


def test_when_all_are_wrong_each_is_named_and_nothing_stays(site: Site, toy: Path) -> None:
    site.files |= {"/a": OTHER, "/b": CONTENT[:700]}
    with pytest.raises(InputError) as error:
        fetch("toy")
    assert f"{site.address}/a: its sha256 is {sha256(OTHER)[:16]}" in str(error.value)
    assert f"{site.address}/b: it has 700 bytes and should have {len(CONTENT)}" in str(error.value)
    assert left(toy) == []


def test_a_missing_file_and_no_network_are_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = enter(monkeypatch, Url(f"{site.address}/c"), Url("http://127.0.0.1:9/d"))
    with pytest.raises(InputError) as error:
        fetch("toy")
    assert "/c: it answers 404 Not Found; http://127.0.0.1:9/d: cannot connect); run python -m" in str(error.value)
    assert left(path) == []


@pytest.mark.parametrize("switch", ["ASUKA_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked(switch: str, site: Site, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(switch, "1")
    with pytest.raises(InputError) as error:
        fetch("toy")
    assert f"toy.bin is not in {toy.parent}, and {switch} forbids" in str(error.value)
    assert "run python -m asuka.weights fetch toy" in str(error.value)
    assert site.asked == []


def test_a_file_put_there_by_hand_is_used_if_it_is_the_right_one(site: Site, toy: Path) -> None:
    toy.parent.mkdir(parents=True)
    toy.write_bytes(OTHER)
    with pytest.raises(InputError, match="is not the file of toy: its sha256 .* ASUKA_WEIGHTS_TOY"):
        fetch("toy")
    toy.write_bytes(CONTENT)
    assert fetch("toy") == toy
    assert site.asked == []


def test_the_users_own_file_or_folder_takes_its_place(
    site: Site, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    mine = tmp_path / "own" / "toy.bin"
    mine.write_bytes(b"mine")
    for given in (mine, mine.parent):
        monkeypatch.setenv("ASUKA_WEIGHTS_TOY", str(given))
        assert fetch("toy") == path_of("toy") == mine
        assert verify("toy").word == "yours"
    monkeypatch.setenv("ASUKA_WEIGHTS_TOY", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="ASUKA_WEIGHTS_TOY=.*nowhere: there is no toy.bin; correct the path or unset"):
        fetch("toy")
    assert site.asked == []


def test_a_file_that_changed_on_disk_is_found_out(site: Site, toy: Path, capsys: pytest.CaptureFixture) -> None:
    fetch("toy").write_bytes(OTHER)
    assert (glance("toy").word, verify("toy").word) == ("whole", "wrong")
    toy.write_bytes(CONTENT[:10])
    assert glance("toy").word == "wrong"
    with pytest.raises(InputError, match="it has 10 bytes and should have 327680; delete it and run"):
        fetch("toy")
    assert command("verify", "toy") == 1
    assert "delete it and run python -m asuka.weights fetch toy" in capsys.readouterr().err


def test_without_a_published_hash_the_first_fetch_decides(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = enter(monkeypatch, Url(f"{site.address}/a"), hashed=False)
    path.parent.mkdir(parents=True)
    path.with_name("toy.bin.part").write_bytes(OTHER[:1000])  # of an attempt that nothing vouches for
    fetch("toy")
    assert path.read_bytes() == CONTENT
    path.unlink()
    site.files["/a"] = OTHER
    with pytest.raises(InputError, match="its sha256 is .*, as when it was first fetched: delete .*record.json"):
        fetch("toy")
    assert left(path) == ["record.json"]
    (path.parent / "record.json").unlink()
    assert fetch("toy").read_bytes() == OTHER


def test_without_a_published_hash_two_mirrors_are_never_mixed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["/a"], site.stop = OTHER, BLOCK
    server, whole = serve()
    whole.files["/b"] = CONTENT
    enter(monkeypatch, Url(f"{site.address}/a"), Url(f"{whole.address}/b"), hashed=False)
    assert fetch("toy").read_bytes() == CONTENT
    server.shutdown()
    server.server_close()


def test_several_files_make_a_folder(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(
        File(name, None, sha256(CONTENT), (Url(f"{site.address}/{path}"),))
        for name, path in (("unet/config.json", "a"), ("vae/config.json", "c"))
    )
    monkeypatch.setitem(TABLE, "toy", Entry("MIT", files))
    with pytest.raises(InputError, match="no mirror gave vae/config.json"):
        fetch("toy")
    assert glance("toy").word == "partial"
    site.files["/c"] = CONTENT
    folder = fetch("toy")
    assert folder == folder_of("toy")
    assert [(folder / file.path).read_bytes() for file in files] == [CONTENT] * 2
    assert [path for path, _ in site.asked] == ["/a", "/c", "/c"]


@pytest.fixture
def package(site: Site, monkeypatch: pytest.MonkeyPatch) -> Package:
    """The name `toy` as a member of an archive on a package index that wants a login in its address."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("some-lib-1.0/some_lib/toy.bin")
        member.size = len(CONTENT)
        tar.addfile(member, io.BytesIO(CONTENT))
    page = '<a href="../../files/some-lib-1.0.tar.gz#sha256=0">some-lib-1.0.tar.gz</a>'
    site.files = {"/simple/some-lib/": page.encode(), "/files/some-lib-1.0.tar.gz": packed.getvalue()}
    monkeypatch.setenv("PIP_INDEX_URL", site.address.replace("//", "//user:secret@") + "/simple")
    mirror = Package("some-lib", "some-lib-1.0.tar.gz", sha256(packed.getvalue()), "some_lib/toy.bin")
    enter(monkeypatch, mirror)
    return mirror


def test_one_member_of_an_archive_on_the_package_index(site: Site, package: Package) -> None:
    site.cut = 3 * BLOCK
    path = fetch("toy")
    assert path.read_bytes() == CONTENT
    assert ("/files/some-lib-1.0.tar.gz", f"bytes={3 * BLOCK}-") in site.asked
    assert left(path) == ["record.json", "toy.bin"]


def test_a_changed_archive_is_not_opened(site: Site, package: Package) -> None:
    site.files["/files/some-lib-1.0.tar.gz"] = OTHER
    with pytest.raises(InputError, match="some-lib-1.0.tar.gz on the package index: its sha256 is"):
        fetch("toy")
    assert left(path_of("toy")) == []


@pytest.mark.parametrize(
    ("page", "words"), [(None, "/simple has no some-lib"), (b"<a href='x.whl'>x.whl</a>", "but no some-lib-1.0.tar.gz")]
)
def test_an_index_without_it_is_named_without_its_password(
    page: bytes | None, words: str, site: Site, package: Package
) -> None:
    site.files = {"/simple/some-lib/": page} if page else {}
    with pytest.raises(InputError, match=words) as error:
        fetch("toy")
    assert "secret" not in str(error.value)


def test_two_processes_fetch_at_once_from_a_hub(site: Site, tmp_path: Path) -> None:
    site.files["/some/repository/resolve/main/toy.bin"] = CONTENT
    mirror = Hub("some/repository", "main", "toy.bin")
    code = (
        "from asuka.foreign.table import *; from asuka.foreign.store import fetch\n"
        f"TABLE['toy'] = Entry('MIT', (File('toy.bin', {len(CONTENT)}, {sha256(CONTENT)!r}, ({mirror!r},)),))\n"
        "print(fetch('toy'))"
    )
    surroundings = {**os.environ, "HF_ENDPOINT": site.address}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=surroundings, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    paths = {process.communicate()[0].strip() for process in both}
    assert paths == {str(tmp_path / "kept" / "toy" / "toy.bin")}
    assert Path(paths.pop()).read_bytes() == CONTENT
    assert site.asked == [("/some/repository/resolve/main/toy.bin", "")]


def command(*words: str) -> int:
    """Exit code of `python -m asuka.weights words…`, in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(sys, "argv", ["weights", *words])
        weights.main()
    return stop.value.code


def test_the_command_line(site: Site, toy: Path, capsys: pytest.CaptureFixture) -> None:
    assert command("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *TABLE]
    assert all(" absent " in line for line in lines[1:])
    assert command("verify") == 0
    assert command("verify", "toy") == 1
    assert command("fetch", "toy") == 0
    assert str(toy) in capsys.readouterr().out
    assert command("verify", "toy") == 0
    assert command("list", "toy") == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["toy", "0", "MB", "MIT", "whole", str(toy)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("fetch", "inceptoin"), "there are no weights 'inceptoin'; did you mean inception?"),
        (("fetch",), "the following arguments are required: NAME; see python -m asuka.weights fetch --help"),
        (("grab",), "invalid choice: 'grab'"),
        ((), "the following arguments are required: command"),
    ],
)
def test_a_mistyped_command_is_one_line(words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture) -> None:
    assert command(*words) == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_importing_loads_no_network_and_no_torch() -> None:
    code = (
        "import sys, asuka, asuka.weights; print(*({'torch', 'requests', 'pypi_simple', 'lpips'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_the_table_is_sound() -> None:
    for name, entry in TABLE.items():
        assert name == name.lower() and entry.licence and entry.files
        paths = [file.path for file in entry.files]
        assert len(set(paths)) == len(paths)
        for file in entry.files:
            assert file.mirrors and not Path(file.path).is_absolute()
            assert file.sha256 is None or (len(file.sha256) == 64 and file.size)
            # A hub tells commits apart; of other places only a hash can say that it is still the same file.
            assert file.sha256 or all(isinstance(mirror, Hub) for mirror in file.mirrors)
