"""What is kept of visitors, and for how long."""

import asyncio
from types import SimpleNamespace

import pytest

streamlit = pytest.importorskip("streamlit", reason="the web page's extra is not installed")

from streamlit.runtime.media_file_manager import MediaFileManager  # noqa: E402
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage  # noqa: E402
from streamlit.runtime.memory_session_storage import MemorySessionStorage  # noqa: E402

from fer_keras.webapp import session  # noqa: E402


class Closed:
    """A session whose page was closed, with a file to download, as Streamlit ends it."""

    id = "somebody"

    def __init__(self, files):
        self.files, self.session_state = files, {"fk_results": "faces"}

    def shutdown(self):
        self.files.clear_session_refs(self.id)
        self.files.remove_orphaned_files()


def test_the_last_visitor_is_forgotten_without_another_one(monkeypatch):
    storage, pages = MemoryMediaFileStorage("/media"), MemorySessionStorage(ttl_seconds=0.05)
    files, loop = MediaFileManager(storage), asyncio.new_event_loop()
    server = SimpleNamespace(
        _get_async_objs=lambda: SimpleNamespace(eventloop=loop),
        _session_mgr=SimpleNamespace(_session_storage=pages),
        media_file_mgr=files,
    )
    monkeypatch.setattr(session.runtime, "get_instance", lambda: server)
    monkeypatch.setattr("streamlit.runtime.media_file_manager._get_session_id", lambda: Closed.id)
    monkeypatch.setattr(session, "LOOK_EVERY", 0.02)
    url = files.add(b"a face", "text/csv", "1", file_name="faces.csv", is_for_static_download=True)
    name = url.rpartition("/")[2]
    assert storage.get_file(name).content == b"a face"
    closed = Closed(files)
    pages.save(SimpleNamespace(session=closed))
    session.let_go_of_the_gone.__wrapped__()
    loop.run_until_complete(asyncio.sleep(0.2))
    loop.close()
    assert closed.session_state == {}
    with pytest.raises(Exception, match="No media file"):
        storage.get_file(name)
