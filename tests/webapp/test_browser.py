"""The page in Debian's Chromium. Screenshots are kept in FER_KERAS_SCREENSHOTS."""

import io
import re

import numpy as np
import pytest
from hostile_files import broken_files, encode, one_face, unusual_files, wall
from PIL import Image

from fer_keras.inference import Predictor
from fer_keras.inference.results import columns

pytestmark = pytest.mark.slow
FACE = encode(one_face())


def expression(visitor):
    return visitor.page.locator(".fk-answer").first.get_attribute("data-expression")


def test_a_picture_its_csv_and_another_model(visit, screenshots):
    visitor = visit()
    visitor.page.get_by_role("combobox", name="Model").click()
    visitor.page.get_by_role("option", name="packaged model", exact=True).click()
    visitor.page.get_by_text("model_dynamic.tflite").first.wait_for()
    visitor.upload(("one face.png", FACE))
    visitor.wait_for('[data-state="found"]')
    visitor.shoot(screenshots / "picture_light.png")
    (row,) = visitor.download()
    expected = Predictor().predict(FACE)[0]
    assert list(row) == columns(expected.probabilities)
    assert (row["file"], row["expression"], row["face_found"]) == ("one face.png", expected.expression, "True")
    assert float(row["confidence"]) == pytest.approx(expected.confidence, abs=1e-5)
    assert expression(visitor) == ("uncertain" if expected.uncertain else expected.expression)
    visitor.page.get_by_role("combobox", name="Compare with").click()
    visitor.page.get_by_role("option", name="model_int8.tflite").click()
    visitor.wait_for(".fk-model-name", 2)
    visitor.shoot(screenshots / "two_models.png")
    (other,) = visitor.download("CSV of cnn-fer2013")
    assert other["left"] == row["left"]
    assert other["confidence"] != row["confidence"]


def test_broken_and_unusual_files_together(visit, screenshots):
    visitor = visit()
    broken, unusual = broken_files(), unusual_files()
    broken.pop("empty.jpg")  # Chromium and Streamlit pass it on too, see the next test
    visitor.upload(*((name, content) for name, (content, *_) in {**broken, **unusual}.items()))
    visitor.wait_for(".fk-problem", len(broken))
    visitor.wait_for(".fk-result", len(unusual))
    told = [text.lower() for text in visitor.page.locator(".fk-problem").all_inner_texts()]
    for name, (_, words) in broken.items():
        assert any(name in text and words.lower() in text for text in told), name
    for name, (_, size, has_face) in unusual.items():
        card = visitor.page.locator(".fk-result").filter(has_text=name)
        assert f"{size[0]:,} × {size[1]:,} px" in card.inner_text()
        assert card.locator(".fk-state").get_attribute("data-state") == ("found" if has_face else "none")
    visitor.shoot(screenshots / "hostile.png")


def test_refused_by_the_upload_itself(visit, screenshots):
    visitor = visit()
    visitor.upload(("big.png", bytes(11 * 2**20)))
    visitor.page.get_by_text(re.compile(r"10(\.0)? ?MB or smaller", re.I)).first.wait_for()
    visitor.upload(("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    visitor.page.get_by_text(re.compile("not allowed", re.I)).first.wait_for()
    visitor.shoot(screenshots / "refused.png")
    visitor.upload(("empty.jpg", b""), ("good.png", FACE))
    visitor.wait_for('[data-state="found"]')
    assert visitor.page.locator(".fk-problem").filter(has_text="empty").count() == 1


def test_no_face_then_scored_whole_then_cleared(visit, screenshots):
    visitor = visit(size=(390, 844), dark=True)
    visitor.upload(("wall.png", wall()))
    visitor.wait_for('[data-state="none"]')
    visitor.shoot(screenshots / "no_face_phone_dark.png")
    visitor.page.get_by_role("button", name="Score the whole picture").click()
    visitor.page.get_by_text("whole picture scored").wait_for()
    visitor.page.get_by_role("button", name="Clear everything").click()
    visitor.page.get_by_role("button", name="Try it with drawn faces").wait_for()
    assert visitor.page.locator(".fk-result").count() == 0


def test_thirty_pictures(visit):
    visitor = visit()
    visitor.upload(*((f"{number}.png", FACE) for number in range(30)))
    visitor.wait_for('[data-state="found"]', 20)
    visitor.page.get_by_text("30 pictures were given and the first 20 are shown").wait_for()
    assert visitor.page.locator(".fk-result").count() == 20


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_drawn_faces_follow_the_system_and_fit_a_phone(visit, screenshots, dark):
    visitor = visit(dark=dark, size=(390, 844))
    visitor.page.get_by_role("button", name="Try it with drawn faces").click()
    visitor.wait_for(".fk-box", 3)
    shot = screenshots / f"phone_{'dark' if dark else 'light'}.png"
    visitor.shoot(shot)
    corner = np.asarray(Image.open(shot).convert("L"))[-40:, :6]
    assert bool(corner.mean() < 60) is dark
    assert visitor.page.locator(".fk-card").first.bounding_box()["width"] <= 390


def frame_file(path):
    """A video that Chromium takes for a camera: one drawn face in 640x480, as concatenated JPEG pictures."""
    picture = np.full((480, 640, 3), 168, np.uint8)
    picture[80:400, 160:480] = one_face()[..., None]
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=92)
    path.write_bytes(stream.getvalue() * 5)
    return path


def test_camera_picture_and_live_view(visit, launch, screenshots, tmp_path):
    fake = frame_file(tmp_path / "fake.mjpeg")
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    visitor = visit(launch(*flags, f"--use-file-for-fake-video-capture={fake}"))
    visitor.choose("Camera", "Take Photo")
    visitor.page.wait_for_function("[...document.querySelectorAll('video')].some(video => video.videoWidth > 0)")
    visitor.page.get_by_role("button", name="Take Photo").click()
    visitor.wait_for('[data-state="found"]')
    assert visitor.download()[0]["file"] == "camera.jpg"
    visitor.shoot(screenshots / "camera.png")
    visitor.choose("Live", "newest picture")
    visitor.page.get_by_role("button", name="Start the camera").click()
    visitor.page.locator(".stage[data-answers]").wait_for()
    visitor.page.locator(".box b").first.wait_for()
    visitor.page.locator(".person .row").nth(6).wait_for()
    visitor.shoot(screenshots / "live.png")
    visitor.page.get_by_role("button", name="Stop").click()
    visitor.page.get_by_text("The camera is off").wait_for()


def test_video(visit, screenshots, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (320, 320))
    for _ in range(20):
        writer.write(np.repeat(one_face()[..., None], 3, axis=2))
    writer.release()
    content = path.read_bytes()
    visitor = visit(size=(1280, 1700))  # charts are drawn when they come into view
    visitor.choose("Video", "The first 30 seconds")
    visitor.upload(("clip.mp4", content), to="Video")
    visitor.wait_for('[data-frames="20"]')
    visitor.page.get_by_text("Apparent expression over time").wait_for()
    visitor.page.locator("[data-testid=stVegaLiteChart] :is(svg, canvas)").first.wait_for()
    rows = visitor.download()
    assert {row["file"] for row in rows} == {"clip.mp4"}
    assert [row["frame"] for row in rows] == [str(number) for number in range(20)]
    visitor.shoot(screenshots / "video.png")
    visitor.page.get_by_role("button", name="Clear everything").click()
    visitor.page.locator("[data-frames]").wait_for(state="detached")
    visitor.settle()
    visitor.upload(("cut.mp4", content[: len(content) // 2]), to="Video")
    visitor.wait_for(".fk-problem")
    assert "Cannot open the video. It is damaged" in visitor.page.locator(".fk-problem").inner_text()


def test_it_listens_here_only_and_stores_nothing(server, visit):
    visitor = visit()
    visitor.upload(("kept nowhere.png", FACE))
    visitor.wait_for('[data-state="found"]')
    assert server.listens_on() == {f"0100007F:{server.port:04X}"}
    assert [address for address in server.audit("connect") if "127.0.0.1" not in address and "::1" not in address] == []
    assert "kept nowhere" not in "\n".join(server.audit("write"))
    pictures = [path for path in server.audit("write") if re.search(r"\.(png|jpe?g|webp|gif|tiff?)'", path)]
    assert pictures == []
    assert "Traceback" not in server.log
